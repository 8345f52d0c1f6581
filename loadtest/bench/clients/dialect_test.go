//go:build linux

package clients

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

func TestSocketIO_findsItsOwnRow(t *testing.T) {
	c := &Client{Slot: -1}
	if got, _ := (SocketIO{}).Message(c, false, fromHex(t, sioStatePacket)); !got.Is || got.Echoes {
		t.Errorf("a state before the seat is known: %+v", got)
	}
	if _, ok := (SocketIO{}).Input(nil, c, 1); ok {
		t.Error("an input before the seat is known")
	}
	(SocketIO{}).Message(c, false, fromHex(t, sioSeatPacket))
	if c.Slot != 1 {
		t.Fatalf("slot %d, want 1", c.Slot)
	}
	if got, _ := (SocketIO{}).Message(c, false, fromHex(t, sioStatePacket)); got != (State{Is: true, Echoes: true, Ack: 0x19}) {
		t.Errorf("got %+v, want the last byte of row 1", got)
	}
}

func TestSocketIO_sendsInputsThatItsParserReads(t *testing.T) {
	c := &Client{Slot: 0, dir: 1, aim: 0x0302}
	got, ok := SocketIO{}.Input(nil, c, 7)
	if want := fromHex(t, sioInputPacket); !ok || !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestSocketIO_answersHeartbeats(t *testing.T) {
	if _, reply := (SocketIO{}).Message(&Client{}, true, []byte("2")); string(reply) != "3" {
		t.Errorf("got %q, want 3", reply)
	}
}

func TestColyseus_confirmsJoinAndCountsPatches(t *testing.T) {
	c := &Client{Slot: -1}
	_, reply := (Colyseus{}).Message(c, false, []byte{10, 3, 'a', 'b', 'c'})
	if c.Slot < 0 || !bytes.Equal(reply, []byte{10}) {
		t.Errorf("slot %d, reply %v", c.Slot, reply)
	}
	for first, want := range map[byte]bool{15: true, 15 | 0x20: true, 14: false, 13: false} {
		if got, _ := (Colyseus{}).Message(c, false, []byte{first, 1}); got.Is != want {
			t.Errorf("a message that begins with %#x counts as a state: %v", first, got.Is)
		}
	}
}
