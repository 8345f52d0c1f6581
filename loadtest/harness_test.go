package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/gobwas/ws"

	"tactus/game"
	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// fakeServer is a matchmaker and a game server in one, as small as the contract
// allows. Its game has one dot per player that moves by itself.
type fakeServer struct {
	matchmakerv1connect.UnimplementedMatchmakerServiceHandler
	*httptest.Server
	rules fakeRules
	seats sync.WaitGroup

	mu       sync.Mutex
	tickets  map[string]*matchmakerv1.Assignment
	joined   map[string][]string // match id to the players that were welcomed
	resumed  int
	resyncs  int
	byes     int
	held     map[string]bool // seats that no player has left, by their tokens
	expelled int             // players
	rooms    int
	inputErr error
}

// fakeRules says what is special about a fake server.
type fakeRules struct {
	closeAt   uint32             // tick at which a connection's first visit ends, 0 for never
	closeWith protocol.CloseCode // 0: without a close frame
	overAt    uint32             // tick after which the match has a result
	badHashes bool
	secure    bool               // speaks https and wss
	refuse    protocol.CloseCode // instead of a welcome
	once      bool               // no player is seated again after the first one was closed
	welcome   <-chan struct{}    // welcomes wait until it is closed; nil: they do not
}

const (
	fakeRate  = 20
	fakeSeats = 4
)

func fakeSchema() *game.Schema {
	dot := game.TableSchema{
		Name: "dot", Capacity: fakeSeats, Stride: 2, Pos: 0, Slot: -1, Side: -1,
		Fields: []game.FieldSchema{{Name: "pos", Kind: game.KindVec, Words: 2, Lerp: true, Min: -1 << 31, Max: 1<<31 - 1}},
	}
	input := game.TableSchema{
		Name: "input", Capacity: 1, Stride: 3, Pos: -1, Slot: -1, Side: -1,
		Fields: []game.FieldSchema{
			{Name: "move", Kind: game.KindVec, Words: 2, Min: -100, Max: 100},
			{Name: "aim", Kind: game.KindAngle, Offset: 2, Words: 1, Max: 65535},
		},
	}
	return &game.Schema{Game: "dots", Version: "1", Tables: []game.TableSchema{dot}, Input: input}
}

func newFakeServer(t *testing.T, rules fakeRules) *fakeServer {
	t.Helper()
	s := &fakeServer{rules: rules, tickets: map[string]*matchmakerv1.Assignment{}, joined: map[string][]string{}, held: map[string]bool{}}
	mux := http.NewServeMux()
	mux.Handle(matchmakerv1connect.NewMatchmakerServiceHandler(s))
	mux.HandleFunc(protocol.Path, s.play)
	if s.Server = httptest.NewUnstartedServer(mux); rules.secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) ListGames(context.Context, *connect.Request[matchmakerv1.ListGamesRequest]) (*connect.Response[matchmakerv1.ListGamesResponse], error) {
	return connect.NewResponse(&matchmakerv1.ListGamesResponse{Games: []*matchmakerv1.GameInfo{{
		Name: "dots", Modes: []*matchmakerv1.ModeInfo{{Name: "all", MaxPlayers: fakeSeats}, {Name: "some", MaxPlayers: 2}},
	}}}), nil
}

func (s *fakeServer) CreateRoom(context.Context, *connect.Request[matchmakerv1.CreateRoomRequest]) (*connect.Response[matchmakerv1.CreateRoomResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms++
	code := fmt.Sprintf("ROOM%d", s.rooms)
	return connect.NewResponse(&matchmakerv1.CreateRoomResponse{RoomCode: code, MatchId: code}), nil
}

func (s *fakeServer) CreateTicket(_ context.Context, q *connect.Request[matchmakerv1.CreateTicketRequest]) (*connect.Response[matchmakerv1.CreateTicketResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules.once && s.expelled > 0 {
		return nil, connect.NewError(connect.CodeUnavailable, errors.New("no server"))
	}
	id := fmt.Sprintf("ticket-%d", len(s.tickets))
	s.tickets[id] = &matchmakerv1.Assignment{
		MatchId: "m" + q.Msg.GetRoomCode(), Url: "ws" + strings.TrimPrefix(s.URL, "http") + protocol.Path,
		JoinToken: "m" + q.Msg.GetRoomCode() + "/" + q.Msg.GetPlayerName(),
	}
	return connect.NewResponse(&matchmakerv1.CreateTicketResponse{TicketId: id, GuestToken: "guest"}), nil
}

func (s *fakeServer) WatchTicket(_ context.Context, q *connect.Request[matchmakerv1.WatchTicketRequest], out *connect.ServerStream[matchmakerv1.WatchTicketResponse]) error {
	if err := out.Send(&matchmakerv1.WatchTicketResponse{State: matchmakerv1.WatchTicketResponse_STATE_SEARCHING}); err != nil {
		return err
	}
	s.mu.Lock()
	a := s.tickets[q.Msg.GetTicketId()]
	s.mu.Unlock()
	return out.Send(&matchmakerv1.WatchTicketResponse{State: matchmakerv1.WatchTicketResponse_STATE_ASSIGNED, Assignment: a})
}

// fakeSeat is one connection at the game server.
type fakeSeat struct {
	server *fakeServer
	conn   net.Conn
	id     string // token of the seat
	mu     sync.Mutex
	ack    uint32
	aimed  uint32
	first  bool // not a resumed one
	key    bool // a keyframe is wanted
	closed chan struct{}
}

func (s *fakeServer) play(w http.ResponseWriter, r *http.Request) {
	conn, rw, _, err := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == protocol.Subprotocol }}.Upgrade(r, w)
	if err != nil {
		return
	}
	defer conn.Close()
	s.seats.Add(1)
	defer s.seats.Done()
	read := func() (ws.Frame, error) {
		f, err := ws.ReadFrame(rw)
		return ws.UnmaskFrameInPlace(f), err
	}
	f, err := read()
	if err != nil {
		return
	}
	hello, err := protocol.ParseHello(f.Payload)
	if err != nil {
		return
	}
	if s.rules.refuse != 0 {
		(&fakeSeat{conn: conn}).close(s.rules.refuse)
		return
	}
	match, name, _ := strings.Cut(hello.Token+hello.Resume, "/")
	seat := &fakeSeat{server: s, conn: conn, id: hello.Token + hello.Resume, first: hello.Token != "", key: true, closed: make(chan struct{})}
	s.mu.Lock()
	s.held[seat.id] = true
	if seat.first {
		s.joined[match] = append(s.joined[match], name)
	} else {
		s.resumed++
	}
	s.mu.Unlock()
	if s.rules.welcome != nil {
		<-s.rules.welcome
	}
	seat.write(protocol.AppendWelcome(nil, &protocol.Welcome{
		Match: match, Player: name, Resume: match + "/" + name, Rate: fakeRate, Every: 1, Game: "dots", Version: "1",
		Mode: protocol.WelcomeMode{Name: "all", Max: fakeSeats}, Schema: fakeSchema(), Resumed: !seat.first,
	}))
	var wg sync.WaitGroup
	wg.Go(seat.tick)
	for err == nil {
		if f, err = read(); err == nil {
			err = seat.receive(f)
		}
	}
	close(seat.closed)
	conn.Close()
	wg.Wait()
}

func (c *fakeSeat) receive(f ws.Frame) error {
	switch f.Header.OpCode {
	case ws.OpBinary:
	case ws.OpClose:
		return io.EOF
	default:
		return nil
	}
	kind, err := protocol.Type(f.Payload)
	if err != nil {
		return err
	}
	words := make([]uint32, 3)
	switch kind {
	case protocol.TypeInput:
		h, err := protocol.ParseInput(f.Payload, words)
		c.mu.Lock()
		c.ack, c.aimed = max(c.ack, h.Seq), h.Tick
		c.mu.Unlock()
		if x := int32(words[0]); err == nil && (x < -100 || x > 100 || words[2] > 65535) {
			err = fmt.Errorf("input %v out of range", words)
		}
		if err != nil {
			c.server.mu.Lock()
			c.server.inputErr = err
			c.server.mu.Unlock()
		}
	case protocol.TypeResync:
		c.mu.Lock()
		c.key = true
		c.mu.Unlock()
		c.server.mu.Lock()
		c.server.resyncs++
		c.server.mu.Unlock()
	case protocol.TypeBye:
		c.server.mu.Lock()
		c.server.byes++
		delete(c.server.held, c.id)
		c.server.mu.Unlock()
		c.close(protocol.CloseLeft)
	}
	return nil
}

func (c *fakeSeat) write(message []byte) {
	c.send(ws.NewBinaryFrame(message))
}

// send writes a frame; where the client has gone, the reader notices.
func (c *fakeSeat) send(f ws.Frame) { _, _ = c.conn.Write(ws.MustCompileFrame(f)) }

// tick sends a snapshot per tick until the connection or the match ends.
func (c *fakeSeat) tick() {
	ticker := time.NewTicker(time.Second / fakeRate)
	defer ticker.Stop()
	rules := &c.server.rules
	for tick := uint32(1); ; tick++ {
		select {
		case <-c.closed:
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		message := snapshotAt(tick, c.ack, c.key, rules.badHashes)
		c.key = false
		c.mu.Unlock()
		c.write(message)
		switch tick {
		case rules.overAt:
			c.write(protocol.AppendResult(nil, &protocol.Result{Over: true}))
			c.close(protocol.CloseMatchOver)
		case rules.closeAt:
			if c.first {
				c.server.expel(c.id, rules.closeWith)
				c.close(rules.closeWith)
			}
		}
	}
}

// expel counts a player that is removed. A final code ends the seat.
func (s *fakeServer) expel(id string, code protocol.CloseCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expelled++
	if code != 0 && !code.Reconnect() {
		delete(s.held, id)
	}
}

func (c *fakeSeat) close(code protocol.CloseCode) {
	if code != 0 {
		c.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), code.Name())))
	}
	c.conn.Close()
}

// snapshotAt is the state after a tick: every dot stands at (tick, -tick). It
// always carries its hash.
func snapshotAt(tick, ack uint32, keyframe, badHash bool) []byte {
	h := protocol.SnapshotHeader{Tick: tick, Gap: 1, Ack: ack, Slack: 1, Flags: protocol.FlagHash}
	block := []int32{0, 0, 0, 1, 1, fakeSeats} // table, removed, born, groups, mask, rows
	perRow := []int32{0}                       // gap
	if keyframe {
		h.Gap, h.Flags = 0, h.Flags|protocol.FlagKeyframe
		block, perRow = []int32{0, 0, fakeSeats}, []int32{0, 1} // gap, generation
	}
	hash := game.NewHash()
	for row := range fakeSeats {
		block = append(block, perRow...)
		block = append(block, int32(tick), -int32(tick))
		hash.Word(0)
		hash.Word(uint32(game.MakeEntity(row, 1)))
		hash.Words([]uint32{tick, -tick})
	}
	if keyframe {
		block = append(block, 0)
	}
	b := protocol.AppendSnapshotHeader(nil, h)
	b = protocol.AppendArray(b, len(block))
	for _, v := range block {
		b = protocol.AppendInt(b, v)
	}
	b = protocol.AppendNil(protocol.AppendNil(protocol.AppendNil(b)))
	sum := hash.Sum32()
	if badHash {
		sum++
	}
	return protocol.AppendSnapshotTail(b, sum, 100, h.Flags)
}
