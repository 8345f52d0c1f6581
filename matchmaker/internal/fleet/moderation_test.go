package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/testtime"
	"tactus/protocol"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// moderatedMatch is a match of three on a real server.
type moderatedMatch struct {
	*replica
	g       *gameServer
	playURL string
	slots   map[string]uint32
	players map[string]*player
}

func startModerated(t *testing.T, names ...string) *moderatedMatch {
	t.Helper()
	p := startReplica(t, "mm", nil)
	g := startServer(t, nil, p.addr)
	p.until("the registration", p.hasServer(g.id))
	m := &moderatedMatch{replica: p, g: g, playURL: urlOf(p.Registry, g.id), slots: map[string]uint32{}, players: map[string]*player{}}
	list := seats(-1, names...)
	res := p.reserve(g, &fleetv1.Reserve{MatchId: "m1", Create: true, Game: "arena", Mode: "ffa", Seats: list})
	if !res.GetOk() {
		t.Fatal(res)
	}
	for i, seat := range list {
		m.slots[seat.GetPlayerId()] = res.GetSlots()[i]
		m.players[seat.GetPlayerId()] = p.enter(g, "m1", seat, res.GetSlots()[i])
	}
	return m
}

func (m *moderatedMatch) ask(action *fleetv1.Moderate) *fleetv1.Moderated {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a, err := m.Moderate(ctx, m.g.id, action)
	if err != nil {
		m.t.Fatalf("%v: %v", action, err)
	}
	return a
}

// hello sends a first message on a new connection and returns how it is closed.
func (m *moderatedMatch) hello(h protocol.Hello) (code ws.StatusCode, why string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	conn, buffered, _, err := dialer.Dial(ctx, m.playURL)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	pl := &player{t: m.t, conn: conn, in: conn}
	if buffered != nil {
		m.t.Fatal("the server spoke first")
	}
	pl.say(protocol.AppendHello(nil, &h))
	f, err := ws.ReadFrame(pl.in)
	if err != nil {
		m.t.Fatal(err)
	}
	if f.Header.OpCode != ws.OpClose {
		return 0, ""
	}
	return ws.ParseCloseFrameData(f.Payload)
}

// token is a join token for a seat that the player had.
func (m *moderatedMatch) token(name string) string {
	m.t.Helper()
	token, err := m.signer.Mint(jointoken.Claims{
		Player: name, Name: name, Match: "m1", Server: m.g.id, Slot: m.slots[name], ID: "r2-" + name,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

// closed reads until the connection is closed, and returns how.
func (pl *player) closed() (ws.StatusCode, string) {
	pl.t.Helper()
	for {
		f, err := ws.ReadFrame(pl.in)
		if err != nil {
			pl.t.Fatalf("closed without a frame: %v", err)
		}
		if f.Header.OpCode == ws.OpClose {
			return ws.ParseCloseFrameData(f.Payload)
		}
	}
}

// message reads until a message of the type.
func (pl *player) message(kind protocol.MessageType) []byte {
	pl.t.Helper()
	for {
		f, err := ws.ReadFrame(pl.in)
		if err != nil {
			pl.t.Fatalf("no message of type %d: %v", kind, err)
		}
		if f.Header.OpCode != ws.OpBinary {
			continue
		}
		if got, err := protocol.Type(f.Payload); err == nil && got == kind {
			return f.Payload
		}
	}
}

func TestModerate_kickClosesWithTheReason(t *testing.T) {
	m := startModerated(t, "ann", "bob")
	list := m.ask(&fleetv1.Moderate{Action: &fleetv1.Moderate_ListPlayers{ListPlayers: &fleetv1.ListPlayers{MatchId: "m1"}}})
	if n := len(list.GetPlayers()); n != 2 || !list.GetFound() {
		t.Fatalf("%d players: %v", n, list)
	}
	if p := list.GetPlayers()[0]; !p.GetConnected() || p.GetAddress() != "127.0.0.1" || p.GetSinceUnixMs() == 0 || !strings.HasPrefix(p.GetPlayerName(), "The ") {
		t.Errorf("listed as %v", p)
	}
	kick := &fleetv1.Moderate{Action: &fleetv1.Moderate_Kick{Kick: &fleetv1.Kick{PlayerId: "ann", Text: "You were removed from the match: spam"}}}
	if a := m.ask(kick); a.GetMatches() != 1 || a.GetPlayers()[0].GetMatchId() != "m1" {
		t.Errorf("kicked: %v", a)
	}
	if code, why := m.players["ann"].closed(); code != 4505 || why != "You were removed from the match: spam" {
		t.Errorf("closed with %d %q", code, why)
	}
	if a := m.ask(kick); a.GetFound() {
		t.Errorf("kicked twice: %v", a)
	}
	find := m.ask(&fleetv1.Moderate{Action: &fleetv1.Moderate_FindPlayer{FindPlayer: &fleetv1.FindPlayer{PlayerId: "ann"}}})
	if !find.GetFound() || len(find.GetPlayers()) != 0 || find.GetLastAddress() != "127.0.0.1" || find.GetLastSeenUnixMs() == 0 {
		t.Errorf("found after the kick: %v", find)
	}
	// A seat can be taken again: a kick is no ban.
	back := seats(-1, "ann")
	back[0].Reservation = "r2-ann"
	res := m.reserve(m.g, &fleetv1.Reserve{MatchId: "m1", Seats: back})
	m.enter(m.g, "m1", back[0], res.GetSlots()[0])
}

func TestModerate_actionsOnWholeMatches(t *testing.T) {
	m := startModerated(t, "ann")
	notice := func(match string) *fleetv1.Moderate {
		return &fleetv1.Moderate{Action: &fleetv1.Moderate_Notice{Notice: &fleetv1.Notice{MatchId: match, Text: "Back in 5 minutes."}}}
	}
	for _, match := range []string{"", "m1"} {
		if a := m.ask(notice(match)); a.GetMatches() != 1 {
			t.Errorf("notice to %q: %v", match, a)
		}
		n, err := protocol.ParseNotice(m.players["ann"].message(protocol.TypeNotice))
		if err != nil || n.Text != "Back in 5 minutes." || n.Code != 0 {
			t.Errorf("notice %+v %v", n, err)
		}
	}
	if a := m.ask(notice("m9")); a.GetFound() {
		t.Errorf("notice to no match: %v", a)
	}
	end := &fleetv1.Moderate{Action: &fleetv1.Moderate_EndMatch{EndMatch: &fleetv1.EndMatch{MatchId: "m1", Text: "The match was ended by an operator: test"}}}
	if a := m.ask(end); !a.GetFound() {
		t.Errorf("ended: %v", a)
	}
	if code, why := m.players["ann"].closed(); code != 4504 || why != "The match was ended by an operator: test" {
		t.Errorf("closed with %d %q", code, why)
	}
	m.until("the end of the match", func() bool { _, runs := m.Match("m1"); return !runs })
	if _, err := m.Moderate(t.Context(), "nowhere", end); err != ErrGone { //nolint:errorlint // as documented
		t.Errorf("a server that is not live: %v", err)
	}
}

func TestBans_holdAtHelloAndResume(t *testing.T) {
	m := startModerated(t, "ann", "bob", "cid")
	w, err := protocol.ParseWelcome(m.players["ann"].welcome)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2100, 1, 2, 3, 4, 0, 0, time.UTC)
	ban := &fleetv1.Ban{Id: "player:ann", PlayerId: "ann", Reason: "aimbot", UntilUnixMs: until.UnixMilli()}
	const text = "You are banned until 2100-01-02 03:04 UTC: aimbot"
	m.ChangeBans([]*fleetv1.Ban{ban}, nil)
	if code, why := m.players["ann"].closed(); code != 4505 || why != text {
		t.Errorf("seated: %d %q", code, why)
	}
	if code, why := m.hello(protocol.Hello{Resume: w.Resume}); code != 4505 || why != text {
		t.Errorf("resume: %d %q", code, why)
	}
	if code, why := m.hello(protocol.Hello{Token: m.token("ann")}); code != 4505 || why != text {
		t.Errorf("join token: %d %q", code, why)
	}
	m.ChangeBans([]*fleetv1.Ban{{Id: "player:bob", PlayerId: "bob", ChatOnly: true}}, nil)
	muted := func() bool {
		list := m.ask(&fleetv1.Moderate{Action: &fleetv1.Moderate_FindPlayer{FindPlayer: &fleetv1.FindPlayer{PlayerId: "bob"}}})
		return len(list.GetPlayers()) == 1 && list.GetPlayers()[0].GetMuted()
	}
	testtime.Until(t, "the mute is there", muted)
	m.players["bob"].say(protocol.AppendSay(nil, &protocol.Say{ID: 7, Text: "hello"}))
	if n, err := protocol.ParseNotice(m.players["bob"].message(protocol.TypeNotice)); err != nil || n.Text != "Your chat is off: your message was not sent." {
		t.Errorf("chat of a muted player: %+v %v", n, err)
	}
	// A range takes the others, too, and is lifted.
	m.ChangeBans([]*fleetv1.Ban{{Id: "range:127.0.0.0/24", AddressRange: "127.0.0.0/24"}}, []string{"player:ann"})
	for _, name := range []string{"bob", "cid"} {
		if code, why := m.players[name].closed(); code != 4505 || why != "Your network is banned." {
			t.Errorf("%s: %d %q", name, code, why)
		}
	}
	if code, _ := m.hello(protocol.Hello{Resume: "m1.0.x"}); code != 4505 {
		t.Errorf("resume from the range: %d", code)
	}
	m.ChangeBans(nil, []string{"range:127.0.0.0/24"})
	testtime.Until(t, "the range is free", func() bool { code, _ := m.hello(protocol.Hello{Resume: "m1.0.x"}); return code == 4503 })
	m.ChangeBans([]*fleetv1.Ban{{Id: "range:127.0.0.0/24", AddressRange: "127.0.0.0/24"}}, nil)
	testtime.Until(t, "it is banned again", func() bool { code, _ := m.hello(protocol.Hello{Resume: "m1.0.x"}); return code == 4505 })
	m.kill()
	testtime.Until(t, "the server has lost its matchmaker", func() bool { return urlOf(m.Registry, m.g.id) == "" })
	if code, _ := m.hello(protocol.Hello{Resume: "m1.0.x"}); code != 4505 {
		t.Errorf("without a matchmaker: %d", code)
	}
}
