//go:build linux

package flock

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Packets as socket.io-msgpack-parser 3.0.2 writes and reads them.
const (
	sioSeatPacket  = "83a47479706502a46461746192a17701a36e7370a12f"
	sioStatePacket = "83a47479706502a46461746192a173c412010203040506070809111213141516171819a36e7370a12f"
	sioInputPacket = "83a47479706502a46461746192a169c4050701000203a36e7370a12f"
)

func TestSocketIOFindsItsOwnRow(t *testing.T) {
	m := &Member{Seat: -1}
	if got, _ := (SocketIO{}).Message(m, false, fromHex(t, sioStatePacket)); !got.Is || got.Echoes {
		t.Errorf("a state before the seat is known: %+v", got)
	}
	if _, ok := (SocketIO{}).Input(nil, m, 1); ok {
		t.Error("an input before the seat is known")
	}
	(SocketIO{}).Message(m, false, fromHex(t, sioSeatPacket))
	if m.Seat != 1 {
		t.Fatalf("seat %d, want 1", m.Seat)
	}
	if got, _ := (SocketIO{}).Message(m, false, fromHex(t, sioStatePacket)); got != (State{Is: true, Echoes: true, Ack: 0x19}) {
		t.Errorf("got %+v, want the last byte of row 1", got)
	}
}

func TestSocketIOInputIsWhatItsParserReads(t *testing.T) {
	m := &Member{Seat: 0, dir: 1, aim: 0x0302}
	got, ok := SocketIO{}.Input(nil, m, 7)
	if want := fromHex(t, sioInputPacket); !ok || !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestSocketIOAnswersHeartbeats(t *testing.T) {
	if _, reply := (SocketIO{}).Message(&Member{}, true, []byte("2")); string(reply) != "3" {
		t.Errorf("got %q, want 3", reply)
	}
}

func TestColyseusConfirmsItsJoinAndCountsPatches(t *testing.T) {
	m := &Member{Seat: -1}
	_, reply := (Colyseus{}).Message(m, false, []byte{10, 3, 'a', 'b', 'c'})
	if m.Seat < 0 || !bytes.Equal(reply, []byte{10}) {
		t.Errorf("seat %d, reply %v", m.Seat, reply)
	}
	for first, want := range map[byte]bool{15: true, 15 | 0x20: true, 14: false, 13: false} {
		if got, _ := (Colyseus{}).Message(m, false, []byte{first, 1}); got.Is != want {
			t.Errorf("a message that begins with %#x counts as a state: %v", first, got.Is)
		}
	}
}

func TestFramesAreCutWhereTheyEnd(t *testing.T) {
	long := append([]byte{0x82, 126, 1, 0}, make([]byte, 256)...)
	for name, c := range map[string]struct {
		bytes   []byte
		size    int
		payload int
	}{
		"nothing":         {nil, 0, 0},
		"half a head":     {[]byte{0x82}, 0, 0},
		"half a payload":  {[]byte{0x82, 3, 1, 2}, 0, 0},
		"short":           {[]byte{0x82, 2, 1, 2, 0x82}, 4, 2},
		"half a length":   {long[:3], 0, 0},
		"extended":        {long, 260, 256},
		"extended, short": {long[:259], 0, 0},
	} {
		if _, payload, size := cutFrame(c.bytes); size != c.size || len(payload) != c.payload {
			t.Errorf("%s: %d bytes with %d of payload, want %d with %d", name, size, len(payload), c.size, c.payload)
		}
	}
}
