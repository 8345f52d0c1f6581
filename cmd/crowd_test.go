package tactuscmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game/arena"
	"tactus/internal/publicport"
	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
	"tactus/server"
)

// crowd is many players behind one address.
type crowd struct {
	t       *testing.T
	players []*crowdPlayer
}

// crowdPlayer is a page with a connection of its own to the matchmaker.
type crowdPlayer struct {
	client matchmakerv1connect.MatchmakerServiceClient
	url    string
	resume string
	conn   net.Conn
}

// crowdSize is the number of players; `make test-crowd` sets it to 500.
func crowdSize(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("CROWD"), "60"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// crowdPatience bounds waits for what must happen; tests that pass never reach it.
const crowdPatience = time.Minute

// all lets every player do something at the same time.
func (c *crowd) all(what string, do func(context.Context, *crowdPlayer) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), crowdPatience)
	defer cancel()
	var wait sync.WaitGroup
	errs := make([]error, len(c.players))
	for i, p := range c.players {
		wait.Go(func() {
			if err := do(ctx, p); err != nil {
				errs[i] = fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	begun := time.Now()
	wait.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	c.t.Logf("%s: %d players in %s", what, len(c.players), time.Since(begun).Round(time.Millisecond))
	if len(failed) > 0 {
		c.t.Fatalf("%d of %d failed, first: %v", len(failed), len(c.players), failed[0])
	}
}

// load opens the page: the connection to the matchmaker stays.
func (p *crowdPlayer) load(ctx context.Context) error {
	_, err := p.client.ListGames(ctx, connect.NewRequest(&matchmakerv1.ListGamesRequest{}))
	return err
}

// play presses Play.
func (p *crowdPlayer) play(ctx context.Context) error {
	ticket, err := p.client.CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"}))
	if err != nil {
		return err
	}
	stream, err := p.client.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: ticket.Msg.GetTicketId()}))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Receive() {
		if a := stream.Msg().GetAssignment(); a != nil {
			p.url = a.GetUrl()
			return p.enter(ctx, protocol.Hello{Token: a.GetJoinToken()})
		}
	}
	return errors.Join(errors.New("no assignment"), stream.Err())
}

// enter connects and reads up to the welcome.
func (p *crowdPlayer) enter(ctx context.Context, hello protocol.Hello) error {
	d := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	conn, _, _, err := d.Dial(ctx, p.url)
	if err != nil {
		return err
	}
	p.conn = conn
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewBinaryFrame(protocol.AppendHello(nil, &hello)))); err != nil {
		return err
	}
	for {
		f, err := ws.ReadFrame(conn)
		if err != nil {
			return err
		}
		if f.Header.OpCode == ws.OpClose {
			code, reason := ws.ParseCloseFrameData(f.Payload)
			return fmt.Errorf("closed with %d %s", code, reason)
		}
		if kind, err := protocol.Type(f.Payload); err == nil && kind == protocol.TypeWelcome {
			w, err := protocol.ParseWelcome(f.Payload)
			p.resume = w.Resume
			return err
		}
	}
}

// startLimitedServer runs a game server with the limits of a public port.
func startLimitedServer(t *testing.T, matchmaker string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gs, err := server.New(server.Config{PublicURL: server.GuessedURL(ln.Addr(), ""), Matchmakers: []string{matchmaker}}, zap.NewNop(), arena.Game)
	if err != nil {
		t.Fatal(err)
	}
	port, err := publicport.New(publicport.Config{Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, gs.Host)
	runUntilEnd(t, func(ctx context.Context) error { return port.Serve(ctx, ln, gs.Handler()) })
	return ln.Addr().String()
}

// silentSockets connects and sends nothing. Some will be closed by the server.
func silentSockets(t *testing.T, addr string, from func(i int) string, n int) {
	t.Helper()
	for i := range n {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from(i))}, Timeout: crowdPatience}
		c, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

// Players behind one address press Play, lose their connections and come
// back, beside silent sockets of the same address, or of forty others.
func TestPublicPort_crowdBehindOneAddress(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of sockets")
	}
	for name, from := range map[string]func(int) string{
		"silent sockets of the same address": func(int) string { return "127.0.0.1" },
		"of 40 addresses":                    func(i int) string { return fmt.Sprintf("127.0.1.%d", 1+i%40) },
	} {
		t.Run(name, func(t *testing.T) {
			mm := startMatchmaker(t)
			addr := startLimitedServer(t, mm.internal.Addr().String())
			assign(t, mm, &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"}) // it is registered
			c := &crowd{t: t}
			players := crowdSize(t)
			for range players {
				transport := &http.Transport{MaxIdleConnsPerHost: 1}
				t.Cleanup(transport.CloseIdleConnections)
				c.players = append(c.players, &crowdPlayer{client: matchmakerv1connect.NewMatchmakerServiceClient(
					&http.Client{Transport: transport}, "http://"+mm.public.Addr().String())})
			}
			t.Cleanup(func() {
				for _, p := range c.players {
					if p.conn != nil {
						_ = p.conn.Close()
					}
				}
			})
			silentSockets(t, addr, from, players*21/5)
			silentSockets(t, mm.public.Addr().String(), from, players/2)
			c.all("load the page", func(ctx context.Context, p *crowdPlayer) error { return p.load(ctx) })
			c.all("press Play", func(ctx context.Context, p *crowdPlayer) error { return p.play(ctx) })
			for _, p := range c.players {
				_ = p.conn.Close()
			}
			c.all("come back", func(ctx context.Context, p *crowdPlayer) error { return p.enter(ctx, protocol.Hello{Resume: p.resume}) })
		})
	}
}
