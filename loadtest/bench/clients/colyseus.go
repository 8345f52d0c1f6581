//go:build linux

package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// Colyseus is the dialect of loadtest/peers/colyseus.mjs. Its states are not decoded,
// so that no echo is measured.
type Colyseus struct{ Addr string }

// Codes of Colyseus 0.18 (@colyseus/shared-types, Protocol).
const (
	colyseusJoin  = 10
	colyseusPatch = 15
	colyseusBytes = 17
	colyseusCode  = 0x1f // the bits of the code in a message's first byte
)

// Enter reserves a seat over HTTP and connects to it.
func (d Colyseus) Enter(ctx context.Context, _ *Client) (net.Conn, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.Addr+"/matchmake/joinOrCreate/rooms", strings.NewReader("{}"))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }() // read to its end below, or of no interest
	var seat struct{ SessionID, RoomID, ProcessID string }
	if err := json.NewDecoder(answer.Body).Decode(&seat); err != nil {
		return nil, nil, err
	}
	if seat.RoomID == "" {
		return nil, nil, fmt.Errorf("no seat: %s", answer.Status)
	}
	return Dial(ctx, fmt.Sprintf("ws://%s/%s/%s?sessionId=%s", d.Addr, seat.ProcessID, seat.RoomID, seat.SessionID))
}

// Input is a message of bytes named "i".
func (Colyseus) Input(dst []byte, c *Client, seq uint8) ([]byte, bool) {
	if c.Slot < 0 {
		return dst, false
	}
	return appendInput(append(dst, colyseusBytes, 0xa1, 'i'), c, seq), true
}

// Message confirms the join and counts patches.
func (Colyseus) Message(c *Client, _ bool, b []byte) (State, []byte) {
	if len(b) == 0 {
		return State{}, nil
	}
	switch b[0] & colyseusCode {
	case colyseusJoin:
		c.Slot = 0
		return State{}, []byte{colyseusJoin}
	case colyseusPatch:
		return State{Is: true}, nil
	default:
		return State{}, nil
	}
}
