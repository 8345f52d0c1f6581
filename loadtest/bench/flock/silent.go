//go:build linux

package flock

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

// Silent joins matches of Tactus by the real road and never says a word: clients
// that sit in a lobby, a board game, or before a screen that they have left.
type Silent struct {
	client     matchmakerv1connect.MatchmakerServiceClient
	game, mode string
	perMatch   int

	mu    sync.Mutex
	rooms map[int]*roomCode
}

// roomCode is the private room of a group, opened by whoever comes first.
type roomCode struct {
	once sync.Once
	code string
	err  error
}

// NewSilent joins rooms of perMatch members at the matchmaker's origin; with
// perMatch 0 its members search like anybody.
func NewSilent(origin, game, mode string, perMatch int) *Silent {
	transport := &http.Transport{MaxIdleConnsPerHost: entering}
	return &Silent{
		client: matchmakerv1connect.NewMatchmakerServiceClient(&http.Client{Transport: transport}, origin),
		game:   game, mode: mode, perMatch: perMatch, rooms: map[int]*roomCode{},
	}
}

// Enter takes a ticket to its assignment, connects and says hello. The welcome
// comes to Message.
func (d *Silent) Enter(ctx context.Context, m *Member) (net.Conn, []byte, error) {
	a, err := d.assigned(ctx, m)
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

func (d *Silent) assigned(ctx context.Context, m *Member) (*matchmakerv1.Assignment, error) {
	code := ""
	if d.perMatch > 0 {
		var err error
		if code, err = d.room(ctx, m.Index/d.perMatch); err != nil {
			return nil, err
		}
	}
	ticket, err := d.client.CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{
		Game: d.game, Mode: d.mode, RoomCode: code, PlayerName: fmt.Sprintf("silent-%d", m.Index+1),
	}))
	if err != nil {
		return nil, err
	}
	stream, err := d.client.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: ticket.Msg.GetTicketId()}))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // its error has come by Err already
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
func (d *Silent) Input(dst []byte, _ *Member, _ uint8) ([]byte, bool) { return dst, false }

// Message counts snapshots.
func (d *Silent) Message(m *Member, _ bool, b []byte) (State, []byte) {
	kind, err := protocol.Type(b)
	switch {
	case err != nil:
	case kind == protocol.TypeWelcome:
		m.Seat = 0
	case kind == protocol.TypeSnapshot:
		return State{Is: true}, nil
	}
	return State{}, nil
}
