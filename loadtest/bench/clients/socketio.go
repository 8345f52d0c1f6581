//go:build linux

package clients

import (
	"bytes"
	"context"
	"net"

	"github.com/gobwas/ws"
)

// SocketIO is the dialect of loadtest/peers/socketio.mjs: Engine.IO 4 over WebSocket with
// the MessagePack parser of Socket.IO.
type SocketIO struct{ Addr string }

// Pieces of packets as the parser writes them: {type, data, nsp} in MessagePack.
var (
	sioConnect = []byte("\x82\xa4type\x00\xa3nsp\xa1/")
	sioInput   = []byte("\x83\xa4type\x02\xa4data\x92\xa1i\xc4\x05")
	sioInputNS = []byte("\xa3nsp\xa1/")
	sioState   = []byte("\xa4data\x92\xa1s")
	sioSeat    = []byte("\xa4data\x92\xa1w")
)

// sioRow is the size of a player in the packed state. Its last byte is the newest
// input.
const sioRow = 9

// Enter connects. Message answers the rest of the handshake.
func (d SocketIO) Enter(ctx context.Context, _ *Client) (net.Conn, []byte, error) {
	return Dial(ctx, "ws://"+d.Addr+"/socket.io/?EIO=4&transport=websocket")
}

// Input is an event "i" with five bytes.
func (SocketIO) Input(dst []byte, c *Client, seq uint8) ([]byte, bool) {
	if c.Slot < 0 {
		return dst, false
	}
	dst = append(dst, sioInput...)
	dst = appendInput(dst, c, seq)
	return append(dst, sioInputNS...), true
}

// appendInput appends an input in the form of all peers: number, direction and aim.
func appendInput(dst []byte, c *Client, seq uint8) []byte {
	dir, aim := c.Direction()
	return append(dst, seq, byte(dir), byte(dir>>8), byte(aim), byte(aim>>8))
}

// Message answers the handshake and heartbeats, and finds the own row in a state.
func (SocketIO) Message(c *Client, text bool, b []byte) (State, []byte) {
	if text {
		switch {
		case len(b) > 0 && b[0] == '2': // Engine.IO ping
			return State{}, []byte("3")
		case len(b) > 0 && b[0] == '0': // Engine.IO open
			c.SendFrame(ws.OpBinary, sioConnect)
		}
		return State{}, nil
	}
	if at := bytes.Index(b, sioSeat); at >= 0 && len(b) > at+len(sioSeat) {
		c.Slot = small(b[at+len(sioSeat):])
		return State{}, nil
	}
	_, after, ok := bytes.Cut(b, sioState)
	if !ok {
		return State{}, nil
	}
	state := binary8(after)
	end := (c.Slot + 1) * sioRow
	if c.Slot < 0 || end > len(state) {
		return State{Is: true}, nil
	}
	return State{Is: true, Echoes: true, Ack: state[end-1]}, nil
}

// small reads an unsigned MessagePack integer below 65536.
func small(b []byte) int {
	switch {
	case b[0] == 0xcc && len(b) > 1:
		return int(b[1])
	case b[0] == 0xcd && len(b) > 2:
		return int(b[1])<<8 | int(b[2])
	default:
		return int(b[0])
	}
}

// binary8 reads a MessagePack bin of up to 65535 bytes.
func binary8(b []byte) []byte {
	switch {
	case len(b) > 2 && b[0] == 0xc4 && len(b) >= 2+int(b[1]):
		return b[2 : 2+int(b[1])]
	case len(b) > 3 && b[0] == 0xc5 && len(b) >= 3+int(b[1])<<8+int(b[2]):
		return b[3 : 3+int(b[1])<<8+int(b[2])]
	default:
		return nil
	}
}
