package matchmaker_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	noServer    = matchmakerv1.WaitingFor_WAITING_FOR_NO_SERVER
	noCapacity  = matchmakerv1.WaitingFor_WAITING_FOR_NO_CAPACITY
	noOpponents = matchmakerv1.WaitingFor_WAITING_FOR_NO_OPPONENTS
	badRules    = matchmakerv1.WaitingFor_WAITING_FOR_RULES
)

// waitsFor reads on until the search says so.
func (wa *watching) waitsFor(want matchmakerv1.WaitingFor) *matchmakerv1.WatchTicketResponse {
	wa.t.Helper()
	return wa.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		if r.GetState() != matchmakerv1.WatchTicketResponse_STATE_SEARCHING {
			wa.t.Fatalf("the search for %v is over: %v", want, r)
		}
		return r.GetWaitingFor() == want
	})
}

func often(c *matchmaker.Config) { c.ProgressInterval = 10 * time.Millisecond }

func TestWaitingFor_freeSeats(t *testing.T) {
	w := start(t, often)
	w.server("s1", func(_ *gameServer, r *fleetv1.Register) { r.MaxPlayers = 1 })
	w.quickPlay().assigned()
	late := w.quickPlay().watch()
	late.waitsFor(noCapacity)
	w.server("s2", nil)
	late.end()
}

func TestWaitingFor_aServer(t *testing.T) {
	w := start(t, often)
	g := w.server("s1", nil)
	w.quickPlay().assigned() // an estimate is known
	g.die()
	w.until("s1 is gone", func() bool { return len(w.mm.Overview().Servers) == 0 })
	waits := w.quickPlay().watch()
	if r := waits.waitsFor(noServer); r.GetEstimatedWaitMs() != 0 || r.GetEstimatedWaitP90Ms() != 0 {
		t.Errorf("an estimate without a server: %v", r)
	}
	w.server("s2", nil)
	waits.end()
}

func TestWaitingFor_aServerOfItsVersion(t *testing.T) {
	w := start(t, often)
	old := w.server("s1", nil)
	w.server("s2", func(_ *gameServer, r *fleetv1.Register) { r.Games[0].Version = "2" })
	old.load(&fleetv1.Load{Draining: true})
	w.until("s1 drains", func() bool { return w.mm.Overview().Servers[0].Draining })
	waits := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", Version: "1"}).watch()
	waits.waitsFor(noServer)
}

func TestWaitingFor_opponents(t *testing.T) {
	w, _ := withRules(t, "queue: duel\ngame: arena\nmode: duel\nskill: {distance: 100}\n", often)
	w.server("s1", nil)
	ann := w.search(rated("duel", 1500, "ann")).watch()
	ann.waitsFor(noOpponents)
	bob := w.search(rated("duel", 2000, "bob")).watch()
	bob.waitsFor(badRules)
	ann.waitsFor(badRules)
	w.search(rated("duel", 1550, "cid")).assigned()
	ann.end()
	bob.waitsFor(noOpponents)
}

func TestWaitingFor_aNearRegion(t *testing.T) {
	w, _ := withRules(t, duel+"latency: {max: 80ms}\n", often)
	w.server("s1", func(_ *gameServer, r *fleetv1.Register) { r.Region = "eu" })
	req := rated("duel", 1500, "ann")
	req.LatencyMs = map[string]uint32{"us": 20}
	w.search(req).watch().waitsFor(badRules)
}

// polls asks for a ticket's state.
func (p *player) polls() *matchmakerv1.WatchTicketResponse {
	p.w.t.Helper()
	res, err := p.w.client.GetTicket(p.w.context(), &matchmakerv1.GetTicketRequest{TicketId: p.GetTicketId()})
	if err != nil {
		p.w.t.Fatalf("GetTicket: %v", err)
	}
	return res.GetTicket()
}

func TestPolls_ticketAtAnyReplica(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel, often), sharing(t, "b", nats.URL(), duel, often)
	both(a, b, "s1")
	ann := a.search(rated("duel", 1500, "ann")) // a owns the queue
	elsewhere := &player{CreateTicketResponse: ann.CreateTicketResponse, w: b}
	a.until("both say what it waits for", func() bool {
		return ann.polls().GetWaitingFor() == noOpponents && elsewhere.polls().GetWaitingFor() == noOpponents
	})
	bob := b.search(rated("duel", 1500, "bob"))
	match := bob.assigned().GetMatchId()
	for _, p := range []*player{ann, elsewhere} {
		p.w.until("it is assigned", func() bool { return p.polls().GetState() == matchmakerv1.WatchTicketResponse_STATE_ASSIGNED })
		if got := p.polls().GetAssignment(); got.GetMatchId() != match || got.GetJoinToken() == "" {
			t.Errorf("assigned to %v, bob plays in %s", got, match)
		}
	}
	for _, w := range []*world{a, b} {
		_, err := w.client.GetTicket(w.context(), &matchmakerv1.GetTicketRequest{TicketId: ann.GetTicketId() + "x"})
		if reason, _ := failure.ReasonOf(err); reason != failure.TicketUnknown {
			t.Errorf("a stranger is told %v", err)
		}
	}
}

func TestPolls_party(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	short := func(c *matchmaker.Config) { c.UnwatchedTimeout = 2 * time.Second }
	a, b := sharing(t, "a", nats.URL(), pairs, short), sharing(t, "b", nats.URL(), pairs, short)
	ann, code := a.leader("Ann")
	bob, err := b.client.JoinParty(b.context(), &matchmakerv1.JoinPartyRequest{PartyCode: code, PlayerName: "Bob"})
	if err != nil {
		t.Fatal(err)
	}
	get := func(w *world) (*matchmakerv1.WatchPartyResponse, error) {
		res, err := w.client.GetParty(w.context(), &matchmakerv1.GetPartyRequest{MemberId: bob.GetMemberId()})
		return res.GetParty(), err
	}
	seen := ann.sees(2)
	for _, w := range []*world{a, b, b, a} { // whichever replica is asked
		p, err := get(w)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range p.GetMembers() {
			if m.GetYou() != (i == 1) {
				t.Errorf("bob is told %v", p)
			}
			m.You, seen.GetMembers()[i].You = false, false
		}
		if !proto.Equal(p, seen) {
			t.Errorf("bob is told %v, ann %v", p, seen)
		}
	}
	ann.sees(1) // bob has stopped
	_, err = get(a)
	if reason, _ := failure.ReasonOf(err); reason != failure.PartyUnknown {
		t.Errorf("who has left is told %v", err)
	}
}

// The last poll of a member who watches again must not be taken for their
// leaving.
func TestPolls_watchingAgainKeepsTheMember(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.UnwatchedTimeout = 100 * time.Millisecond })
	ann, code := w.leader("Ann")
	bob := w.joins(code, "Bob")
	bob.sees(2)
	if _, err := w.client.GetParty(w.context(), &matchmakerv1.GetPartyRequest{MemberId: bob.id}); err != nil {
		t.Fatal(err)
	}
	cid := w.joins(code, "Cid")
	cid.sees(3)
	cid.leave() // and is taken out after bob's polls would be
	p := ann.until(func(p *matchmakerv1.WatchPartyResponse) bool {
		return len(p.GetMembers()) == 2 && p.GetMembers()[1].GetPlayerName() != "Cid"
	})
	if p.GetMembers()[1].GetPlayerName() != "Bob" {
		t.Errorf("who is left: %v", p)
	}
}
