package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"

	"tactus/game"
	"tactus/game/arena"
	"tactus/game/tag"
	"tactus/protocol"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	gameserver "tactus/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what has to happen.
const patience = 20 * time.Second

// replica is a matchmaker as far as the fleet is concerned, on loopback.
type replica struct {
	*Registry
	t       *testing.T
	addr    string
	signer  *jointoken.Signer
	grpc    *grpc.Server
	changes chan struct{} // capacity 1
	kill    func()        // ends it at once
}

func startReplica(t *testing.T, id string, change func(*Config)) *replica {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &replica{t: t, signer: jointoken.NewSigner(key), grpc: grpc.NewServer(), changes: make(chan struct{}, 1)}
	cfg := Config{
		MatchmakerID: id, TokenKey: p.signer.Public(), LoadInterval: 100 * time.Millisecond, LastCall: 20 * time.Second,
		StrikeLasts: 10 * time.Second, HoldSeats: 15 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	p.Registry = NewRegistry(cfg, func() {
		select {
		case p.changes <- struct{}{}:
		default:
		}
	}, zap.NewNop())
	fleetv1.RegisterFleetServiceServer(p.grpc, NewService(p.Registry))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- p.grpc.Serve(listener) }()
	p.kill = sync.OnceFunc(func() {
		p.grpc.Stop()
		p.Stop()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(p.kill)
	return p
}

// until waits for the registry to see something.
func (p *replica) until(what string, seen func() bool) {
	p.t.Helper()
	deadline := time.After(patience)
	for !seen() {
		select {
		case <-p.changes:
		case <-deadline:
			p.t.Fatalf("%s did not happen", what)
		}
	}
}

func (p *replica) hasServer(id string) func() bool {
	return func() bool { return urlOf(p.Registry, id) != "" }
}

// gameServer is a real one, in this process.
type gameServer struct {
	t    *testing.T
	id   string
	stop func() // ends its matches and waits
}

func startServer(t *testing.T, options []game.Option, matchmakers ...string) *gameServer {
	t.Helper()
	id := "gs-" + strings.ToLower(rand.Text()[:6])
	s, err := gameserver.New(gameserver.Config{
		ID: id, Matchmakers: matchmakers, Options: options, MaxMatches: 4, Linger: time.Millisecond, EmptyTimeout: time.Minute,
	}, zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)), arena.Game, tag.Game)
	if err != nil {
		t.Fatal(err)
	}
	public := httptest.NewServer(s.Handler())
	s.SetPublicURL("ws" + strings.TrimPrefix(public.URL, "http") + protocol.Path)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Host(ctx) }()
	g := &gameServer{t: t, id: id}
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Host: %v", err)
		}
		public.Close()
	})
	t.Cleanup(g.stop)
	return g
}

// reserve asks a server by a replica and waits for its answer.
func (p *replica) reserve(g *gameServer, req *fleetv1.Reserve) *fleetv1.ReserveResult {
	p.t.Helper()
	req.RequestId = rand.Text()
	wait, err := p.Reserve(g.id, req)
	if err != nil {
		p.t.Fatalf("asking for seats: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	result, err := wait(ctx)
	if err != nil {
		p.t.Fatalf("asking for seats: %v", err)
	}
	return result
}

// seats asks for a seat in each of the teams, for players of the names.
func seats(team int32, names ...string) []*fleetv1.Seat {
	var list []*fleetv1.Seat
	for _, name := range names {
		list = append(list, &fleetv1.Seat{PlayerId: name, PlayerName: "The " + name, Team: team, Reservation: "r-" + name, Skill: 1000})
	}
	return list
}

// player is a player in a match.
type player struct {
	t    *testing.T
	conn net.Conn
	in   io.Reader

	welcome []byte
}

// enter takes a seat with a join token of the replica's, and returns when its
// player is welcome.
func (p *replica) enter(g *gameServer, match string, seat *fleetv1.Seat, slot uint32) *player {
	p.t.Helper()
	token, err := p.signer.Mint(jointoken.Claims{
		Player: seat.GetPlayerId(), Name: seat.GetPlayerName(), Match: match, Server: g.id, Slot: slot, ID: seat.GetReservation(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, buffered, _, err := dialer.Dial(ctx, urlOf(p.Registry, g.id))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	pl := &player{t: p.t, conn: conn, in: conn}
	if buffered != nil {
		pl.in = io.MultiReader(buffered, conn)
	}
	pl.say(protocol.AppendHello(nil, &protocol.Hello{Token: token}))
	for {
		f, err := ws.ReadFrame(pl.in)
		if err != nil {
			p.t.Fatalf("%s was not let in: %v", seat.GetPlayerId(), err)
		}
		if f.Header.OpCode == ws.OpClose {
			code, why := ws.ParseCloseFrameData(f.Payload)
			p.t.Fatalf("%s was not let in: %d %s", seat.GetPlayerId(), code, why)
		}
		if f.Header.OpCode == ws.OpBinary {
			pl.welcome = f.Payload
			return pl
		}
	}
}

// resume comes back by a resume token, to a connection that may be closed at once.
func (p *replica) resume(g *gameServer, token string) *player {
	p.t.Helper()
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, buffered, _, err := dialer.Dial(ctx, urlOf(p.Registry, g.id))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	pl := &player{t: p.t, conn: conn, in: conn}
	if buffered != nil {
		pl.in = io.MultiReader(buffered, conn)
	}
	pl.say(protocol.AppendHello(nil, &protocol.Hello{Resume: token}))
	return pl
}

func (pl *player) say(message []byte) {
	pl.t.Helper()
	if err := ws.WriteFrame(pl.conn, ws.MaskFrame(ws.NewBinaryFrame(message))); err != nil {
		pl.t.Fatal(err)
	}
}

// leaves gives the seat up for good.
func (pl *player) leaves() { pl.say(protocol.AppendBye(nil)) }

func teamsText(teams []*fleetv1.TeamStatus) string {
	var list []string
	for _, t := range teams {
		list = append(list, fmt.Sprintf("%d/%d %.0f", t.GetPeople(), t.GetSeats(), t.GetSkill()))
	}
	return strings.Join(list, ", ")
}

// add makes a server live in place of any other with its id.
func add(r *Registry, reg *fleetv1.Register, peer net.Addr) *server {
	r.mu.Lock()
	other := r.servers[reg.GetServerId()]
	r.mu.Unlock()
	return r.enter(reg, peer, other)
}

// urlOf is where browsers reach a server, empty when it is not live.
func urlOf(r *Registry, server string) string {
	url, _ := r.PlayURL(server)
	return url
}
