//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// fixedMatchmaker is a matchmaker that sends all players to one address. With it the
// load tester can play on a server that has no matchmaker.
type fixedMatchmaker struct {
	matchmakerv1connect.UnimplementedMatchmakerServiceHandler
	play   string
	count  atomic.Int64
	server *http.Server
	url    string
}

// startFixedMatchmaker starts a matchmaker that assigns the WebSocket URL play.
func startFixedMatchmaker(play string) (*fixedMatchmaker, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &fixedMatchmaker{play: play, url: "http://" + ln.Addr().String()}
	mux := http.NewServeMux()
	mux.Handle(matchmakerv1connect.NewMatchmakerServiceHandler(m))
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.server.Serve(ln) }() // ends when the server is closed
	return m, nil
}

func (m *fixedMatchmaker) close() { _ = m.server.Close() }

// ListGames returns one game with room for all.
func (m *fixedMatchmaker) ListGames(context.Context, *connect.Request[matchmakerv1.ListGamesRequest]) (*connect.Response[matchmakerv1.ListGamesResponse], error) {
	modes := []*matchmakerv1.ModeInfo{{Name: "floor", MaxPlayers: 1 << 16}}
	return connect.NewResponse(&matchmakerv1.ListGamesResponse{Games: []*matchmakerv1.GameInfo{{Name: "floor", Modes: modes}}}), nil
}

// CreateTicket accepts every player.
func (m *fixedMatchmaker) CreateTicket(context.Context, *connect.Request[matchmakerv1.CreateTicketRequest]) (*connect.Response[matchmakerv1.CreateTicketResponse], error) {
	id := fmt.Sprint(m.count.Add(1))
	return connect.NewResponse(&matchmakerv1.CreateTicketResponse{TicketId: id, GuestToken: id}), nil
}

// WatchTicket assigns without a search.
func (m *fixedMatchmaker) WatchTicket(_ context.Context, q *connect.Request[matchmakerv1.WatchTicketRequest], out *connect.ServerStream[matchmakerv1.WatchTicketResponse]) error {
	return out.Send(&matchmakerv1.WatchTicketResponse{
		State:      matchmakerv1.WatchTicketResponse_STATE_ASSIGNED,
		Assignment: &matchmakerv1.Assignment{MatchId: "floor", Url: m.play, JoinToken: "floor-" + q.Msg.GetTicketId()},
	})
}
