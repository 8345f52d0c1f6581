package matchmaker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const pairs = "queue: pairs\ngame: arena\nmode: ffa\nteams: {count: 2, max: 2}\n"

// member is one of a party.
type member struct {
	w      *world
	id     string // of the member
	player string
	stream grpc.ServerStreamingClient[matchmakerv1.WatchPartyResponse]
	leave  context.CancelFunc
}

func (w *world) leader(name string) (*member, string) {
	w.t.Helper()
	res, err := w.client.CreateParty(w.context(), &matchmakerv1.CreatePartyRequest{PlayerName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.member(res.GetMemberId(), res.GetPlayerId()), res.GetPartyCode()
}

func (w *world) joins(code, name string) *member {
	w.t.Helper()
	res, err := w.client.JoinParty(w.context(), &matchmakerv1.JoinPartyRequest{PartyCode: code, PlayerName: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.member(res.GetMemberId(), res.GetPlayerId())
}

func (w *world) member(id, player string) *member {
	w.t.Helper()
	m := &member{w: w, id: id, player: player}
	ctx, cancel := context.WithCancel(w.context())
	stream, err := w.client.WatchParty(ctx, &matchmakerv1.WatchPartyRequest{MemberId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	m.stream, m.leave = stream, cancel
	w.t.Cleanup(cancel)
	return m
}

// until reads on to a party that fits.
func (m *member) until(fits func(*matchmakerv1.WatchPartyResponse) bool) *matchmakerv1.WatchPartyResponse {
	m.w.t.Helper()
	for {
		p, err := m.stream.Recv()
		if err != nil {
			m.w.t.Fatalf("watch party: %v", err)
		}
		if fits(p) {
			return p
		}
	}
}

func (m *member) sees(members int) *matchmakerv1.WatchPartyResponse {
	m.w.t.Helper()
	return m.until(func(p *matchmakerv1.WatchPartyResponse) bool { return len(p.GetMembers()) == members })
}

func TestParty_playsTogether(t *testing.T) {
	w, _ := withRules(t, pairs, nil)
	w.server("s1", withTeams)
	ann, code := w.leader("Ann")
	bob := w.joins(code, "Bob")
	p := ann.sees(2)
	if p.GetPartyCode() != code || !p.GetMembers()[0].GetLeader() || !p.GetMembers()[0].GetYou() || p.GetMembers()[1].GetPlayerName() != "Bob" {
		t.Errorf("party %v", p)
	}
	_, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Queue: "pairs", Party: bob.id})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("bob starts the search: %v", err)
	}
	first := w.search(&matchmakerv1.CreateTicketRequest{Queue: "pairs", Party: ann.id})
	handle := bob.until(func(p *matchmakerv1.WatchPartyResponse) bool { return p.GetTicketId() != "" }).GetTicketId()
	if handle == first.GetTicketId() {
		t.Error("both hold the same ticket")
	}
	bobs := &player{CreateTicketResponse: &matchmakerv1.CreateTicketResponse{TicketId: handle}, w: w}
	annsWatch, bobsWatch := first.watch(), bobs.watch()
	others := w.search(rated("pairs", 1500, "cid", "dan"))
	other := others.assigned()
	a, b := annsWatch.end().GetAssignment(), bobsWatch.end().GetAssignment()
	if a.GetMatchId() != b.GetMatchId() || a.GetTeam() != b.GetTeam() || a.GetJoinToken() == b.GetJoinToken() {
		t.Errorf("assignments %v and %v", a, b)
	}
	if other.GetMatchId() != a.GetMatchId() || other.GetTeam() == a.GetTeam() {
		t.Errorf("the others are at %v", other)
	}
}

func TestParty_playsQuickPlay(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	one := w.quickPlay()
	one.assigned()
	ann, code := w.leader("Ann")
	for range 3 {
		w.joins(code, "")
	}
	ann.sees(4)
	search := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", Party: ann.id})
	party := ann.until(func(p *matchmakerv1.WatchPartyResponse) bool { return p.GetTicketId() != "" })
	if party.GetTicketId() != search.GetTicketId() {
		t.Errorf("party %v", party)
	}
	// Three seats are left in the first match, so that the four get another.
	if a := search.assigned(); a.GetMatchId() == "" || a.GetQueue() != "arena/ffa" {
		t.Errorf("assignment %v", a)
	}
}

func TestParty_isInOneTeamOfQuickPlay(t *testing.T) {
	w := start(t, nil)
	server := w.server("s1", withTeams)
	cid := w.search(rated("arena/ffa", 1500, "cid"))
	cid.assigned()
	pair := w.search(rated("arena/ffa", 1500, "ann", "bob"))
	pair.assigned()
	server.look(func() {
		last := server.asked[len(server.asked)-1]
		if len(last.GetSeats()) != 2 || last.GetSeats()[0].GetTeam() < 0 || last.GetSeats()[0].GetTeam() != last.GetSeats()[1].GetTeam() {
			t.Errorf("asked %v", last)
		}
	})
	_, err := w.client.CreateTicket(w.context(), rated("arena/ffa", 1500, "a", "b", "c"))
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("three in teams of two: %v", err)
	}
}

func TestParty_leavingMemberEndsTheSearch(t *testing.T) {
	w, _ := withRules(t, pairs, nil)
	w.server("s1", nil)
	ann, code := w.leader("Ann")
	bob := w.joins(code, "Bob")
	ann.sees(2)
	search := w.search(&matchmakerv1.CreateTicketRequest{Queue: "pairs", Party: ann.id})
	watch := search.watch()
	if _, err := w.client.LeaveParty(w.context(), &matchmakerv1.LeavePartyRequest{MemberId: ann.id}); err != nil {
		t.Fatal(err)
	}
	if last := watch.endOf(); last.GetReason() != matchmakerv1.EndReason_END_REASON_CANCELLED {
		t.Errorf("ended by %v", last)
	}
	if p := bob.until(func(p *matchmakerv1.WatchPartyResponse) bool { return len(p.GetMembers()) == 1 }); !p.GetMembers()[0].GetLeader() {
		t.Errorf("bob does not lead: %v", p)
	}
}

func TestParty_unwatchedMemberLeaves(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.UnwatchedTimeout = 50 * time.Millisecond })
	ann, code := w.leader("Ann")
	bob := w.joins(code, "Bob")
	ann.sees(2)
	bob.leave()
	ann.sees(1)
}

func TestParty_isJoinedByAPastedLink(t *testing.T) {
	w := start(t, nil)
	ann, code := w.leader("Ann")
	w.joins("Come and play: https://play.example.com/some/where/that/has/a/long/name/#party="+strings.ToLower(code)+"\n", "Bob")
	ann.sees(2)
}

func TestParty_unknownCodeIsRejected(t *testing.T) {
	w := start(t, nil)
	for _, code := range []string{"", "ZZZZZZ", "no such thing", "2222222222"} {
		if _, err := w.client.JoinParty(w.context(), &matchmakerv1.JoinPartyRequest{PartyCode: code}); status.Code(err) != codes.NotFound {
			t.Errorf("%q: %v", code, err)
		}
	}
	if _, err := w.client.LeaveParty(w.context(), &matchmakerv1.LeavePartyRequest{MemberId: "p.ZZZZZZ.x"}); status.Code(err) != codes.NotFound {
		t.Errorf("leave: %v", err)
	}
}
