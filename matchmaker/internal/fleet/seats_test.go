package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// evictions lists what a server was asked to free since the last call.
func (s *server) evictions() string {
	var list []string
	for {
		select {
		case m := <-s.out:
			if e := m.GetEvict(); e != nil {
				list = append(list, fmt.Sprintf("%s %s<%d", e.GetPlayerId(), e.GetMatchId(), e.GetNewerUnixMs()))
			}
		default:
			return strings.Join(list, ",")
		}
	}
}

func took(player, match string, issued int64) *fleetv1.Load {
	return &fleetv1.Load{Seats: []*fleetv1.SeatChange{{PlayerId: player, MatchId: match, Slot: 3, IssuedUnixMs: issued}}}
}

func left(player, match string) *fleetv1.Load {
	return &fleetv1.Load{Seats: []*fleetv1.SeatChange{{PlayerId: player, MatchId: match, Slot: 3, Left: true}}}
}

// hostingMatch is a server with one match, rated quick play.
func hostingMatch(id, match string) *fleetv1.Register {
	reg := register(id)
	reg.Matches = []*fleetv1.MatchStatus{{MatchId: match, Game: "arena", Mode: "ffa", People: 1, Seats: 8, Open: true}}
	return reg
}

func TestSeats_newerTokenWinsInAnyOrder(t *testing.T) {
	for name, swapped := range map[string]bool{"a quick replica": false, "a slow replica": true} {
		r := newTestRegistry()
		older, newer := add(r, hostingMatch("s1", "m1"), nil), add(r, hostingMatch("s2", "m2"), nil)
		first, second := func() { r.load(older, took("ann", "m1", 100)) }, func() { r.load(newer, took("ann", "m2", 200)) }
		if swapped {
			first, second = second, first
		}
		first()
		if got := older.evictions() + newer.evictions(); got != "" {
			t.Errorf("%s: with one seat %s", name, got)
		}
		second()
		if got := older.evictions(); got != "ann m1<200" {
			t.Errorf("%s: of the older %q", name, got)
		}
		if got := newer.evictions(); got != "" {
			t.Errorf("%s: of the newer %q", name, got)
		}
		if at, ok := r.SeatOf("ann"); !ok || at.Match != "m2" {
			t.Errorf("%s: ann sits in %+v", name, at)
		}
		// Both report again what they know: nothing new comes of it.
		r.load(older, left("ann", "m1"))
		r.load(newer, took("ann", "m2", 200))
		if got := older.evictions() + newer.evictions(); got != "" {
			t.Errorf("%s: then %s", name, got)
		}
		r.Stop()
	}
}

func TestSeats_equalTimesAreDecidedAlike(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		r := newTestRegistry()
		a, b := add(r, hostingMatch("s1", "m1"), nil), add(r, hostingMatch("s2", "m2"), nil)
		if swapped {
			r.load(b, took("ann", "m2", 100))
			r.load(a, took("ann", "m1", 100))
		} else {
			r.load(a, took("ann", "m1", 100))
			r.load(b, took("ann", "m2", 100))
		}
		if got := a.evictions() + "/" + b.evictions(); got != "ann m1<100/" {
			t.Errorf("%s", got)
		}
		r.Stop()
	}
}

func TestSeats_areSettledWhenAServerComesBack(t *testing.T) {
	r := newTestRegistry()
	defer r.Stop()
	older := add(r, hostingMatch("s1", "m1"), nil)
	r.load(older, took("ann", "m1", 100))
	r.disconnect(older)
	if at, ok := r.SeatOf("ann"); ok {
		t.Errorf("the server is gone, and ann sits in %+v", at)
	}
	newer := add(r, hostingMatch("s2", "m2"), nil)
	r.load(newer, took("ann", "m2", 200))
	reg := hostingMatch("s1", "m1")
	reg.Seats = took("ann", "m1", 100).GetSeats()
	back := add(r, reg, nil)
	if got := back.evictions() + "/" + newer.evictions(); got != "ann m1<200/" {
		t.Errorf("evicted %s", got)
	}
}

func TestSeats_waitForAServerThatDoesNotRead(t *testing.T) {
	r := newTestRegistry()
	defer r.Stop()
	older, newer := add(r, hostingMatch("s1", "m1"), nil), add(r, hostingMatch("s2", "m2"), nil)
	r.load(older, took("ann", "m1", 100))
	for older.send(&fleetv1.ConnectResponse{}) {
	}
	r.load(newer, took("ann", "m2", 200))
	if got := older.evictions(); got != "" {
		t.Fatalf("sent %q without room", got)
	}
	r.load(older, &fleetv1.Load{})
	if got := older.evictions(); got != "ann m1<200" {
		t.Errorf("later sent %q", got)
	}
}

func TestRegistry_issueTimeIsLaterThanThePlayersSeat(t *testing.T) {
	r := newTestRegistry()
	defer r.Stop()
	now := time.Unix(1_800_000_000, 0)
	r.cfg.now = func() time.Time { return now }
	s := add(r, hostingMatch("s1", "m1"), nil)
	ahead := now.UnixMilli() + 5000 // by a replica whose clock is ahead
	r.load(s, took("ann", "m1", ahead))
	if got := r.IssueTime("ann"); got != ahead+1 {
		t.Errorf("%d, the seat's is %d", got, ahead)
	}
	if got := r.IssueTime("bob"); got != now.UnixMilli() {
		t.Errorf("%d for a player without a seat", got)
	}
	if at, ok := r.SeatOf("ann"); !ok || at.Match != "m1" || at.Key != ffa {
		t.Errorf("ann sits in %+v", at)
	}
	r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: "m1", Game: "arena", Mode: "ffa", Seats: 8, Finished: true}}})
	if at, ok := r.SeatOf("ann"); ok {
		t.Errorf("the match has a result, and ann sits in %+v", at)
	}
}

// closes reads until the connection is closed and returns the code.
func (pl *player) closes() protocol.CloseCode {
	pl.t.Helper()
	for {
		f, err := ws.ReadFrame(pl.in)
		if err != nil {
			pl.t.Fatalf("no close frame: %v", err)
		}
		if f.Header.OpCode == ws.OpClose {
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return protocol.CloseCode(code)
		}
	}
}

// TestReplicas_onePlayerHasOneSeat: a player takes a seat on another server, and comes
// back to the older match at that moment.
func TestReplicas_onePlayerHasOneSeat(t *testing.T) {
	a := startReplica(t, "a", nil)
	b := startReplica(t, "b", nil)
	first, second := startServer(t, nil, a.addr, b.addr), startServer(t, nil, a.addr, b.addr)
	for _, p := range []*replica{a, b} {
		p.until("registration", func() bool { return p.hasServer(first.id)() && p.hasServer(second.id)() })
	}
	sit := func(p *replica, g *gameServer, match string, issued int64, reservation string) *player {
		seat := seats(-1, "ann")[0]
		seat.IssuedUnixMs, seat.Reservation = issued, reservation
		result := p.reserve(g, ranked(match, seat))
		return p.enter(g, match, seat, result.GetSlots()[0])
	}
	older := sit(a, first, "m1", 1000, "r1")
	for _, p := range []*replica{a, b} {
		p.until("the first seat", func() bool { at, ok := p.SeatOf("ann"); return ok && at.Match == "m1" })
	}
	newer := sit(b, second, "m2", 2000, "r2")
	welcome, err := protocol.ParseWelcome(older.welcome)
	if err != nil {
		t.Fatal(err)
	}
	again := a.resume(first, welcome.Resume) // the older connection may be closed by either
	if code := again.closes(); code != protocol.CloseReplaced && code != protocol.CloseUnknownSession {
		t.Errorf("the older seat's connection ends with %d", code)
	}
	for _, p := range []*replica{a, b} {
		p.until("one seat", func() bool {
			at, ok := p.SeatOf("ann")
			p.mu.Lock()
			defer p.mu.Unlock()
			return ok && at.Match == "m2" && len(p.seats["ann"]) == 1
		})
	}
	newer.leaves() // it is still there
	if code := newer.closes(); code != protocol.CloseLeft {
		t.Errorf("the newer seat ends with %d", code)
	}
}
