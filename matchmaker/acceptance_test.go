package matchmaker_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const asking = "queue: duel\ngame: arena\nmode: duel\naccept: {within: 10s}\n"

// proposed waits for a proposal.
func (wa *watching) proposed() *matchmakerv1.MatchProposal {
	wa.t.Helper()
	return wa.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		return r.GetState() == matchmakerv1.WatchTicketResponse_STATE_PROPOSED
	}).GetProposal()
}

// until reads on to a message that fits.
func (wa *watching) until(fits func(*matchmakerv1.WatchTicketResponse) bool) *matchmakerv1.WatchTicketResponse {
	wa.t.Helper()
	for !fits(wa.last) {
		next, err := wa.stream.Recv()
		if err != nil {
			wa.t.Fatalf("watch: %v (last: %v)", err, wa.last)
		}
		wa.last = next
	}
	return wa.last
}

func (p *player) answer(match string, accept bool) error {
	_, err := p.w.client.AcceptMatch(p.w.context(), &matchmakerv1.AcceptMatchRequest{TicketId: p.GetTicketId(), MatchId: match, Accept: accept})
	return err
}

func TestAcceptance_startsTheMatchWhenAllAccept(t *testing.T) {
	w, _ := withRules(t, asking, nil)
	server := w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1500, "bob"))
	anns, bobs := ann.watch(), bob.watch()
	p := anns.proposed()
	if p.GetPlayers() != 2 || p.GetAccepted() != 0 || p.GetAcceptWithinMs() == 0 || bobs.proposed().GetMatchId() != p.GetMatchId() {
		t.Errorf("proposal %v", p)
	}
	server.look(func() {
		if len(server.asked) != 0 {
			t.Error("seats were asked for before anybody accepted")
		}
	})
	if err := ann.answer("m-other", true); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("another match: %v", err)
	}
	if err := ann.answer(p.GetMatchId(), true); err != nil {
		t.Fatal(err)
	}
	anns.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		return r.GetProposal().GetAcceptedByYou() && r.GetProposal().GetAccepted() == 1
	})
	if err := bob.answer(p.GetMatchId(), true); err != nil {
		t.Fatal(err)
	}
	if a, b := anns.endOf().GetAssignment(), bobs.endOf().GetAssignment(); a.GetMatchId() != p.GetMatchId() || b.GetMatchId() != p.GetMatchId() {
		t.Errorf("assignments %v, %v", a, b)
	}
	if err := ann.answer(p.GetMatchId(), true); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("after its end: %v", err)
	}
}

func TestAcceptance_decliningPlayerLeavesTheQueue(t *testing.T) {
	w, _ := withRules(t, asking, nil)
	w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1500, "bob"))
	anns, bobs := ann.watch(), bob.watch()
	first := anns.proposed().GetMatchId()
	if err := ann.answer(first, true); err != nil {
		t.Fatal(err)
	}
	bobs.proposed()
	if err := bob.answer(first, false); err != nil {
		t.Fatal(err)
	}
	if last := bobs.endOf(); last.GetReason() != matchmakerv1.EndReason_END_REASON_DECLINED {
		t.Errorf("bob ended by %v", last)
	}
	anns.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		return r.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING
	})
	cid := w.search(rated("duel", 1500, "cid"))
	cids := cid.watch()
	second := anns.proposed()
	if second.GetMatchId() == first || second.GetAccepted() != 0 || second.GetAcceptedByYou() {
		t.Errorf("second proposal %v", second)
	}
	cids.proposed()
	for _, p := range []*player{ann, cid} {
		if err := p.answer(second.GetMatchId(), true); err != nil {
			t.Fatal(err)
		}
	}
	a := anns.endOf()
	if a.GetAssignment().GetMatchId() != second.GetMatchId() || cids.endOf().GetWaitedMs() > a.GetWaitedMs() {
		t.Errorf("ann's wait began anew: %v", a)
	}
}

func TestAcceptance_silentPlayerLeavesTheQueue(t *testing.T) {
	w, _ := withRules(t, "queue: duel\ngame: arena\nmode: duel\naccept: {within: 1s}\n", nil)
	w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1500, "bob"))
	anns, bobs := ann.watch(), bob.watch()
	if err := ann.answer(anns.proposed().GetMatchId(), true); err != nil {
		t.Fatal(err)
	}
	if last := bobs.endOf(); last.GetReason() != matchmakerv1.EndReason_END_REASON_DECLINED {
		t.Errorf("bob ended by %v", last)
	}
	anns.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		return r.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING
	})
}

func TestAcceptance_cancelledSearchDissolvesTheProposal(t *testing.T) {
	w, _ := withRules(t, asking, nil)
	w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1500, "bob"))
	anns, bobs := ann.watch(), bob.watch()
	anns.proposed()
	res, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: bob.GetTicketId()})
	if err != nil || res.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED {
		t.Errorf("cancel: %v %v", res, err)
	}
	bobs.endOf()
	anns.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		return r.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING
	})
}

// endOf waits for the end of a search that may be proposed a match meanwhile.
func (wa *watching) endOf() *matchmakerv1.WatchTicketResponse {
	wa.t.Helper()
	return wa.until(func(r *matchmakerv1.WatchTicketResponse) bool {
		return r.GetState() == matchmakerv1.WatchTicketResponse_STATE_ASSIGNED || r.GetState() == matchmakerv1.WatchTicketResponse_STATE_ENDED
	})
}
