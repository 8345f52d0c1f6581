package matchmaker_test

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// metadataOf returns the reason of a refusal and what it tells programs.
func metadataOf(err error) (string, map[string]string) {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason(), info.GetMetadata()
		}
	}
	return "", nil
}

// seat reports that a player has taken the seat of an assignment, or left it.
func (g *gameServer) seat(p *player, match string, issued int64, left bool) {
	g.load(&fleetv1.Load{Seats: []*fleetv1.SeatChange{{PlayerId: p.GetPlayerId(), MatchId: match, IssuedUnixMs: issued, Left: left}}})
}

func TestTickets_playerInARatedMatchGetsTheWayBack(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	ann := w.quickPlay()
	first := ann.assigned()
	var issued int64
	g.look(func() {
		issued = g.asked[len(g.asked)-1].GetSeats()[0].GetIssuedUnixMs()
		g.answer = func(r *fleetv1.Reserve) *fleetv1.ReserveResult { // a server knows the player's seat, also in a full match
			if r.GetMatchId() == first.GetMatchId() {
				return &fleetv1.ReserveResult{Ok: true, Slots: []uint32{0}}
			}
			return nil
		}
	})
	if issued == 0 {
		t.Error("the seat's join token has no time")
	}
	g.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: first.GetMatchId(), Game: "arena", Mode: "ffa", People: 4, Seats: 4}}})
	g.seat(ann, first.GetMatchId(), issued, false)
	again := &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", GuestToken: ann.GetGuestToken()}
	// The load may be on its way: a ticket that is admitted before it comes is harmless.
	var err error
	for range 100 {
		if _, err = w.client.CreateTicket(w.context(), again); err != nil {
			break
		}
	}
	reason, metadata := metadataOf(err)
	if status.Code(err) != codes.FailedPrecondition || reason != string(failure.InMatch) || metadata["match_id"] != first.GetMatchId() {
		t.Fatalf("refused by %v %v", err, metadata)
	}
	back := w.search(&matchmakerv1.CreateTicketRequest{MatchId: first.GetMatchId(), GuestToken: ann.GetGuestToken()})
	if a := back.assigned(); a.GetMatchId() != first.GetMatchId() {
		t.Errorf("back to %s, not %s", a.GetMatchId(), first.GetMatchId())
	}
	g.look(func() {
		if later := g.asked[len(g.asked)-1].GetSeats()[0].GetIssuedUnixMs(); later <= issued {
			t.Errorf("the token to come back is of %d, the seat's of %d", later, issued)
		}
	})
	again.Replace = true
	w.search(again)
	again.Replace = false
	g.seat(ann, first.GetMatchId(), issued, true)
	w.search(again) // waits for the news that the seat is free
}
