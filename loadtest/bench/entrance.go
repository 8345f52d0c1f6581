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

// entrance is a matchmaker that sends everybody to one address: the load
// tester's way to a server that knows none.
type entrance struct {
	matchmakerv1connect.UnimplementedMatchmakerServiceHandler
	play   string
	count  atomic.Int64
	server *http.Server
	url    string
}

// openEntrance serves the road to the WebSocket URL.
func openEntrance(play string) (*entrance, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &entrance{play: play, url: "http://" + ln.Addr().String()}
	mux := http.NewServeMux()
	mux.Handle(matchmakerv1connect.NewMatchmakerServiceHandler(e))
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(ln) }() // ends when the server is closed
	return e, nil
}

func (e *entrance) close() { _ = e.server.Close() }

// ListGames names one game with room for everybody.
func (e *entrance) ListGames(context.Context, *connect.Request[matchmakerv1.ListGamesRequest]) (*connect.Response[matchmakerv1.ListGamesResponse], error) {
	modes := []*matchmakerv1.ModeInfo{{Name: "floor", MaxPlayers: 1 << 16}}
	return connect.NewResponse(&matchmakerv1.ListGamesResponse{Games: []*matchmakerv1.GameInfo{{Name: "floor", Modes: modes}}}), nil
}

// CreateTicket takes anybody.
func (e *entrance) CreateTicket(context.Context, *connect.Request[matchmakerv1.CreateTicketRequest]) (*connect.Response[matchmakerv1.CreateTicketResponse], error) {
	id := fmt.Sprint(e.count.Add(1))
	return connect.NewResponse(&matchmakerv1.CreateTicketResponse{TicketId: id, GuestToken: id}), nil
}

// WatchTicket assigns at once.
func (e *entrance) WatchTicket(_ context.Context, q *connect.Request[matchmakerv1.WatchTicketRequest], out *connect.ServerStream[matchmakerv1.WatchTicketResponse]) error {
	return out.Send(&matchmakerv1.WatchTicketResponse{
		State:      matchmakerv1.WatchTicketResponse_STATE_ASSIGNED,
		Assignment: &matchmakerv1.Assignment{MatchId: "floor", Url: e.play, JoinToken: "floor-" + q.Msg.GetTicketId()},
	})
}
