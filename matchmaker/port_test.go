package matchmaker_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// counting counts the connections that clients open.
type counting struct {
	net.Listener
	opened atomic.Int32
}

func (c *counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.opened.Add(1)
	}
	return conn, err
}

// left waits until the client was told to take another connection.
func left(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for conn.GetState() == connectivity.Ready {
		if !conn.WaitForStateChange(ctx, connectivity.Ready) {
			t.Fatal("the connection was not retired")
		}
	}
}

// A retired connection takes no new calls, and that is all: who watches a
// ticket and who hosts matches notice nothing.
func TestPort_retiredConnectionsKeepTheirStreams(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &counting{Listener: inner}
	w := start(t, func(c *matchmaker.Config) { c.InternalListener, c.MaxConnectionAge = listener, 200*time.Millisecond })
	// The only server is full, so that the search goes on.
	g := w.server("s1", func(_ *gameServer, reg *fleetv1.Register) {
		reg.MaxMatches = 1
		reg.Matches = []*fleetv1.MatchStatus{{MatchId: "m-1", Game: "arena", Mode: "ffa", People: 4, Seats: 4, Open: true}}
	})
	searching := w.quickPlay()
	watch := searching.watch()
	left(t, w.conn)
	before := listener.opened.Load()
	if _, err := w.client.ListGames(w.context(), &matchmakerv1.ListGamesRequest{}); err != nil {
		t.Fatalf("a new call: %v", err)
	}
	if listener.opened.Load() == before {
		t.Error("the new call went over the retired connection")
	}
	g.ended("m-1") // over the server's stream, by which it is asked for a seat then
	if last := watch.end(); last.GetAssignment() == nil {
		t.Errorf("the search on the retired connection ended with %v", last)
	}
}
