package matchmaker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"tactus/matchmaker"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Servers that refuse, are silent, answer late or die, and players who cancel
// or come twice: whatever happens, no seat is handed out twice,
// every ticket ends exactly once, and what nobody got is given back.
func TestMatchmaker_neverLosesOrDoublesSeats(t *testing.T) {
	seated := 0
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { seated += storm(t, rand.New(rand.NewPCG(seed, 7))) })
	}
	if seated == 0 {
		t.Error("nobody was seated at all")
	}
}

const reserveTimeout = 50 * time.Millisecond

// storm returns how many tickets were seated.
func storm(t *testing.T, r *rand.Rand) int {
	t.Helper()
	w := start(t, func(c *matchmaker.Config) {
		c.ReserveTimeout, c.TicketExpiry, c.MaxAttempts = reserveTimeout, 300*time.Millisecond, 4
	})
	servers := make([]*gameServer, 1+r.IntN(3))
	for i := range servers {
		servers[i] = w.moodyServer(fmt.Sprint("s", i), r.Uint64())
	}
	outcomes := make([][]*matchmakerv1.WatchTicketResponse, 60)
	var wg sync.WaitGroup
	for i := range outcomes {
		seed := r.Uint64()
		wg.Go(func() { outcomes[i] = w.moodyPlayer(rand.New(rand.NewPCG(seed, 1))) })
	}
	if len(servers) > 1 && r.IntN(2) == 0 {
		dying := servers[len(servers)-1]
		servers = servers[:len(servers)-1]
		servers[0].until(func() bool { return len(servers[0].asked) > 0 }) // the first of equals is asked
		dying.die()
	}
	wg.Wait()
	return w.checkSeats(servers, slices.Concat(outcomes...))
}

// moodyServer has four matches of room and answers one in four oddly.
func (w *world) moodyServer(id string, seed uint64) *gameServer {
	return w.server(id, func(g *gameServer, reg *fleetv1.Register) {
		r := rand.New(rand.NewPCG(seed, 2)) // used under the server's lock
		g.maxMatches = 4 + r.IntN(12)
		reg.MaxMatches = uint32(g.maxMatches + r.IntN(2)) // it may promise too much
		g.answer = func(req *fleetv1.Reserve) *fleetv1.ReserveResult {
			switch r.IntN(12) {
			case 0:
				return &fleetv1.ReserveResult{Reason: "full"}
			case 1:
				late := g.take(req)
				time.AfterFunc(2*reserveTimeout, func() { g.reply(late) })
				return withheld
			case 2:
				return &fleetv1.ReserveResult{Reason: "over"}
			}
			return nil
		}
	})
}

// moodyPlayer returns how each of the player's tickets ended.
func (w *world) moodyPlayer(r *rand.Rand) []*matchmakerv1.WatchTicketResponse {
	req := &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: []string{"ffa", "duel"}[r.IntN(2)]}
	p := w.search(req)
	if r.IntN(8) == 0 { // comes twice: the second ticket replaces the first, or is a second seat
		req.GuestToken = p.GetGuestToken()
		second := w.search(req)
		return []*matchmakerv1.WatchTicketResponse{p.end(), second.end()}
	}
	watch := p.watch()
	if r.IntN(6) == 0 {
		res, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: p.GetTicketId()})
		if err != nil {
			w.t.Errorf("cancel: %v", err)
		}
		last := watch.end()
		if last.GetReason() != res.GetReason() {
			w.t.Errorf("cancel says %v, the watch %v", res.GetReason(), last.GetReason())
		}
		return []*matchmakerv1.WatchTicketResponse{last}
	}
	return []*matchmakerv1.WatchTicketResponse{watch.end()}
}

func (w *world) checkSeats(servers []*gameServer, outcomes []*matchmakerv1.WatchTicketResponse) (assigned int) {
	verifier := jointoken.NewVerifier(w.key)
	seats := make(map[string]bool)
	expected := make(map[string]map[string]string) // server, reservation, match
	for _, o := range outcomes {
		if o.GetReason() == matchmakerv1.EndReason_END_REASON_UNSPECIFIED {
			w.t.Errorf("a ticket ended without a reason: %v", o)
		}
		a := o.GetAssignment()
		if a == nil {
			continue
		}
		assigned++
		id := serverOf(a)
		claims, err := verifier.Verify(a.GetJoinToken(), id, time.Now())
		if err != nil {
			w.t.Fatal(err)
		}
		seat := fmt.Sprint(claims.Match, " ", claims.Slot)
		if seats[seat] {
			w.t.Errorf("seat %s was handed out twice", seat)
		}
		seats[seat] = true
		if expected[id] == nil {
			expected[id] = make(map[string]string)
		}
		expected[id][claims.ID] = claims.Match
	}
	for _, g := range servers {
		// Late answers come, and are given back, in their own time.
		g.until(func() bool { return len(g.held()) == len(expected[g.id]) })
		g.look(func() {
			for reservation, match := range g.held() {
				if expected[g.id][reservation] != match {
					w.t.Errorf("server %s holds a seat in %s for nobody", g.id, match)
				}
			}
		})
	}
	return assigned
}
