package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tactus/game"
	"tactus/matchmaker/internal/seal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// pair starts two replicas that know of each other, and a server that knows one
// of them.
func pair(t *testing.T, options []game.Option, change func(id string, cfg *Config)) (a, b *replica, g *gameServer) {
	t.Helper()
	var list []*replica
	for _, id := range []string{"a", "b"} {
		list = append(list, startReplica(t, id, func(cfg *Config) {
			if change != nil {
				change(id, cfg)
			}
		}))
	}
	a, b = list[0], list[1]
	addresses := []string{a.addr, b.addr}
	a.SetReplicas(addresses, nil)
	b.SetReplicas(addresses, nil)
	g = startServer(t, options, a.addr)
	for _, p := range list {
		p.until("registration", p.hasServer(g.id))
	}
	return a, b, g
}

func ranked(match string, seats ...*fleetv1.Seat) *fleetv1.Reserve {
	return &fleetv1.Reserve{
		MatchId: match, Create: true, Game: "arena", Mode: "teams", Queue: "ranked", RulesVersion: "v7", Backfill: true, Seats: seats,
	}
}

func TestReplicas_eachSeatsPlayers(t *testing.T) {
	a, b, g := pair(t, nil, nil)
	for i, p := range []*replica{a, b} {
		seat := seats(0, fmt.Sprint("p", i))[0]
		result := p.reserve(g, ranked("m1", seat))
		if !result.GetOk() {
			t.Fatalf("refused: %v", result)
		}
		p.enter(g, "m1", seat, result.GetSlots()[0]) // by a token that this replica signed
	}
	for _, p := range []*replica{a, b} {
		p.until("both players", func() bool { return p.Totals().People == 2 })
	}
	// The key of a replica that is gone is good for the tokens it has signed.
	seat := seats(1, "late")[0]
	result := a.reserve(g, ranked("m1", seat))
	a.kill()
	b.enter(g, "m1", seat, result.GetSlots()[0])
	seat = seats(1, "later")[0]
	result = b.reserve(g, ranked("m1", seat))
	(&replica{Registry: b.Registry, t: t, signer: a.signer}).enter(g, "m1", seat, result.GetSlots()[0])
}

// The server never had a stream to a. It has a's key from b.
func TestReplicas_serversAcceptTokensOfAll(t *testing.T) {
	a, b := startReplica(t, "a", nil), startReplica(t, "b", nil)
	b.SetReplicas(nil, [][]byte{a.signer.Public(), b.signer.Public()})
	g := startServer(t, nil, b.addr)
	b.until("registration", b.hasServer(g.id))
	enter := func(name string) {
		seat := seats(1, name)[0]
		result := b.reserve(g, ranked("m1", seat))
		(&replica{Registry: b.Registry, t: t, signer: a.signer}).enter(g, "m1", seat, result.GetSlots()[0])
	}
	enter("first")
	a.kill()
	b.SetReplicas(nil, [][]byte{b.signer.Public()})
	b.reserve(g, ranked("m1", seats(1, "other")[0])) // answered after the server has got them
	enter("later")
}

func TestReplicas_serversConnectToNewOnes(t *testing.T) {
	a, b := startReplica(t, "a", nil), startReplica(t, "b", nil)
	g := startServer(t, nil, a.addr)
	a.until("registration", a.hasServer(g.id))
	a.SetReplicas([]string{b.addr, a.addr}, nil)
	b.until("registration", b.hasServer(g.id))
}

func TestReplicas_giveNoSeatTwice(t *testing.T) {
	a, b, g := pair(t, nil, nil)
	if result := a.reserve(g, ranked("m1")); !result.GetOk() {
		t.Fatalf("refused: %v", result)
	}
	b.until("the match", func() bool { _, ok := b.Find("m1"); return ok })
	type given struct {
		slot uint32
		name string
	}
	var mu sync.Mutex
	var held []given
	refused := 0
	ask := func(p *replica, name string, patient bool) {
		req := ranked("m1", seats(-1, name)...)
		req.RequestId = "request-" + name
		wait, err := p.Reserve(g.id, req)
		if err != nil {
			t.Error(err)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if !patient {
			cancel() // a yes comes late, and is taken back
		}
		defer cancel()
		result, err := wait(ctx)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil && result.GetOk():
			held = append(held, given{result.GetSlots()[0], name})
		case err == nil && result.GetReason() == "full":
			refused++
		case !errors.Is(err, ErrTimeout):
			t.Errorf("%s: %v %v", name, result, err)
		}
	}
	var asking sync.WaitGroup
	for i := range 12 { // for 8 seats
		for _, p := range []*replica{a, b} {
			name := fmt.Sprint(p.cfg.MatchmakerID, i)
			asking.Go(func() { ask(p, name, i%3 != 0) })
		}
	}
	asking.Wait()
	slots := map[uint32]string{}
	for _, h := range held {
		if other := slots[h.slot]; other != "" {
			t.Errorf("seat %d was given to %s and %s", h.slot, other, h.name)
		}
		slots[h.slot] = h.name
	}
	if len(held) > 8 || len(held)+refused > 16 {
		t.Errorf("%d seats given, %d refused", len(held), refused)
	}
	// Both see the same in the end, and what is free can be had.
	for _, p := range []*replica{a, b} {
		p.until("the seats of those that wait", func() bool { return p.Totals().People == len(held) })
	}
	for i := len(held); i < 8; i++ {
		if result := b.reserve(g, ranked("m1", seats(-1, fmt.Sprint("rest", i))...)); !result.GetOk() {
			t.Errorf("seat %d is lost: %v", i, result)
		}
	}
	if result := a.reserve(g, ranked("m1", seats(-1, "too many")...)); result.GetReason() != "full" {
		t.Errorf("a ninth of eight: %v", result)
	}
}

func TestReplicas_anyOneStoresAResultOnce(t *testing.T) {
	asked := make(chan struct{})
	stored := make(chan *fleetv1.MatchEnded, 10)
	a, b, g := pair(t, []game.Option{{Name: "seconds", Value: 1}}, func(id string, cfg *Config) {
		cfg.Ended = func(ctx context.Context, _ seal.Reporter, e *fleetv1.MatchEnded) error {
			if id == "b" {
				stored <- e
				return nil
			}
			close(asked)
			<-ctx.Done() // dies with it
			return ctx.Err()
		}
	})
	// Only a is there when the match ends, so that it gets the end first.
	cut := b.addr
	b.kill()
	seat := seats(-1, "ada")[0]
	req := &fleetv1.Reserve{MatchId: "m1", Create: true, Game: "tag", Mode: "classic", Queue: "ranked", RulesVersion: "v7", Seats: []*fleetv1.Seat{seat}}
	before := time.Now()
	result := a.reserve(g, req)
	a.enter(g, "m1", seat, result.GetSlots()[0])
	select {
	case <-asked:
	case <-time.After(patience):
		t.Fatal("no replica got the end")
	}
	after := time.Now()
	next := startReplica(t, "c", func(cfg *Config) {
		cfg.Ended = func(_ context.Context, _ seal.Reporter, e *fleetv1.MatchEnded) error { stored <- e; return nil }
	})
	a.SetReplicas([]string{a.addr, next.addr, cut}, nil)
	next.until("registration", next.hasServer(g.id))
	a.kill()
	var e *fleetv1.MatchEnded
	select {
	case e = <-stored:
	case <-time.After(patience):
		t.Fatal("no other replica got the end")
	}
	if e.GetMatchId() != "m1" || e.GetReason() != "over" || e.GetGame() != "tag" || e.GetMode() != "classic" ||
		e.GetQueue() != "ranked" || e.GetRulesVersion() != "v7" || e.GetDurationS() == 0 ||
		e.GetEndedUnixMs() < before.UnixMilli() || e.GetEndedUnixMs() > after.UnixMilli() {
		t.Errorf("got %v", e)
	}
	if r := e.GetResults(); len(r) != 1 || r[0].GetPlayerId() != "ada" || r[0].GetPlayerName() != "The ada" || r[0].GetTeam() != -1 || r[0].GetRank() != 1 {
		t.Errorf("results %v", r)
	}
	g.stop() // waits for acknowledgements; would send the end again without one
	if len(stored) != 0 {
		t.Errorf("sent again: %v", <-stored)
	}
}

func TestReplicas_formerQueueOwnerIsFenced(t *testing.T) {
	a, b, g := pair(t, nil, nil)
	ask := func(p *replica, queue string, term uint64, name string) string {
		req := ranked("m-"+queue, seats(-1, name)...)
		req.Queue, req.Term = queue, term
		return p.reserve(g, req).GetReason()
	}
	for _, step := range []struct {
		p           *replica
		queue       string
		term        uint64
		name, want  string
		description string
	}{
		{a, "q1", 1, "p1", "", "the owner"},
		{b, "q1", 2, "p2", "", "the next owner"},
		{a, "q1", 1, "p3", "fenced", "the former owner"},
		{a, "q2", 1, "p4", "", "the former owner's other queue"},
		{b, "q1", 2, "p5", "", "the owner still"},
		{a, "q1", 0, "p6", "", "no term"},
	} {
		if got := ask(step.p, step.queue, step.term, step.name); got != step.want {
			t.Errorf("%s: refused with %q, want %q", step.description, got, step.want)
		}
	}
	if info := a.Servers(); len(info) != 1 || info[0].Struck {
		t.Errorf("the server is to blame: %+v", info)
	}
}

func TestRegistry_seatsAreInTheRequestedTeam(t *testing.T) {
	a, _, g := pair(t, nil, nil)
	blue := seats(1, "a", "b", "c", "d")
	result := a.reserve(g, ranked("m1", blue...))
	if got := teamsText(result.GetMatch().GetTeams()); got != "0/4 0, 4/4 1000" {
		t.Errorf("teams %s", got)
	}
	for i, seat := range blue {
		a.enter(g, "m1", seat, result.GetSlots()[i])
	}
	if r := a.reserve(g, ranked("m1", seats(1, "e")...)); r.GetReason() != "full" {
		t.Errorf("a fifth in a team of four: %v", r)
	}
	if r := a.reserve(g, ranked("m1", seats(2, "e")...)); r.GetReason() != "bad_request" {
		t.Errorf("a third team: %v", r)
	}
	// The bots have made room: everybody plays where he was seated.
	r := a.reserve(g, ranked("m1", seats(0, "e")...))
	if got := teamsText(r.GetMatch().GetTeams()); got != "1/4 1000, 4/4 1000" {
		t.Errorf("teams %s", got)
	}
}

func TestRegistry_backfillFollowsFreeSeats(t *testing.T) {
	a, b, g := pair(t, nil, nil)
	red, blue := seats(0, "a", "b"), seats(1, "c", "d")
	blue[0].Skill = 1400
	result := a.reserve(g, ranked("m1", slices.Concat(red, blue)...))
	var players []*player
	for i, seat := range slices.Concat(red, blue) {
		players = append(players, a.enter(g, "m1", seat, result.GetSlots()[i]))
	}
	for _, p := range []*replica{a, b} {
		p.until("the match", func() bool { return p.Totals().People == 4 })
		if gaps := p.Backfills("ranked"); len(gaps) != 0 {
			t.Errorf("no player has left: %+v", gaps)
		}
	}
	players[3].leaves()
	for _, p := range []*replica{a, b} {
		p.until("the gap", func() bool { return len(p.Backfills("ranked")) == 1 })
		gap := p.Backfills("ranked")[0]
		if gap.Match != "m1" || gap.Server != g.id || gap.Version != "1" || fmt.Sprint(gap.Teams) != "[{2 4 1000} {1 4 1400}]" {
			t.Errorf("gap %+v", gap)
		}
		if other := p.Backfills("casual"); len(other) != 0 {
			t.Errorf("another queue's gap: %+v", other)
		}
		if open := p.OpenMatches("", "", 10); len(open) != 0 {
			t.Errorf("open to quick play: %v", open)
		}
	}
	if r := b.reserve(g, ranked("m1", seats(1, "e")...)); !r.GetOk() || r.GetMatch().GetBackfill() {
		t.Errorf("the gap is not filled: %v", r)
	}
	for _, p := range []*replica{a, b} {
		p.until("the gap's end", func() bool { return len(p.Backfills("ranked")) == 0 })
	}
}
