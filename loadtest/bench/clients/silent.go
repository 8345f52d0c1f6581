//go:build linux

package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"github.com/gobwas/ws"

	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// Silent is the dialect of clients that join matches of Tactus as real ones do, and then
// send nothing. Players do so in a lobby, in a board game, or away from the screen.
type Silent struct {
	client     matchmakerv1connect.MatchmakerServiceClient
	game, mode string
	perMatch   int

	mu    sync.Mutex
	rooms map[int]*roomCode
}

// roomCode is the private room of a group. The first client opens it.
type roomCode struct {
	once sync.Once
	code string
	err  error
}

// NewSilent returns a dialect that joins rooms of perMatch clients at the matchmaker's
// origin. With perMatch 0 clients search like any player.
func NewSilent(origin, game, mode string, perMatch int) *Silent {
	transport := &http.Transport{MaxIdleConnsPerHost: maxEntering}
	return &Silent{
		client: matchmakerv1connect.NewMatchmakerServiceClient(&http.Client{Transport: transport}, origin),
		game:   game, mode: mode, perMatch: perMatch, rooms: map[int]*roomCode{},
	}
}

// Enter searches until the assignment, connects and says hello. The welcome is one of
// the messages.
func (d *Silent) Enter(ctx context.Context, c *Client) (net.Conn, []byte, error) {
	a, err := d.search(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	conn, early, err := Dial(ctx, a.GetUrl(), protocol.Subprotocol)
	if err != nil {
		return nil, nil, err
	}
	hello := protocol.AppendHello(nil, &protocol.Hello{Token: a.GetJoinToken(), Client: "tactus-bench"})
	if err := ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewBinaryFrame(hello))); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, early, nil
}

func (d *Silent) room(ctx context.Context, group int) (string, error) {
	d.mu.Lock()
	r := d.rooms[group]
	if r == nil {
		r = &roomCode{}
		d.rooms[group] = r
	}
	d.mu.Unlock()
	r.once.Do(func() {
		answer, err := d.client.CreateRoom(ctx, connect.NewRequest(&matchmakerv1.CreateRoomRequest{Game: d.game, Mode: d.mode}))
		if r.err = err; err == nil {
			r.code = answer.Msg.GetRoomCode()
		}
	})
	return r.code, r.err
}

func (d *Silent) search(ctx context.Context, c *Client) (*matchmakerv1.Assignment, error) {
	code := ""
	if d.perMatch > 0 {
		var err error
		if code, err = d.room(ctx, c.Index/d.perMatch); err != nil {
			return nil, err
		}
	}
	ticket, err := d.client.CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{
		Game: d.game, Mode: d.mode, RoomCode: code, PlayerName: fmt.Sprintf("silent-%d", c.Index+1),
	}))
	if err != nil {
		return nil, err
	}
	stream, err := d.client.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: ticket.Msg.GetTicketId()}))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // Err has returned its error already
	for stream.Receive() {
		if news := stream.Msg(); news.GetState() == matchmakerv1.WatchTicketResponse_STATE_ASSIGNED {
			return news.GetAssignment(), nil
		} else if news.GetState() == matchmakerv1.WatchTicketResponse_STATE_ENDED {
			return nil, errors.New(news.GetMessage())
		}
	}
	return nil, errors.Join(errors.New("no assignment"), stream.Err())
}

// Input is never sent.
func (d *Silent) Input(dst []byte, _ *Client, _ uint8) ([]byte, bool) { return dst, false }

// Message counts snapshots.
func (d *Silent) Message(c *Client, _ bool, b []byte) (State, []byte) {
	kind, err := protocol.Type(b)
	switch {
	case err != nil:
	case kind == protocol.TypeWelcome:
		c.Slot = 0
	case kind == protocol.TypeSnapshot:
		return State{Is: true}, nil
	}
	return State{}, nil
}
