package matchmaker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"tactus/matchmaker"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

type roomState = matchmakerv1.WatchRoomResponse

// roommate is a member of a room.
type roommate struct {
	w      *world
	code   string
	id     string // of the member
	player string
	token  string
	stream grpc.ServerStreamingClient[roomState]
	leave  context.CancelFunc
}

func (w *world) enters(code, name, token string) *roommate {
	w.t.Helper()
	res, err := w.client.JoinRoom(w.context(), &matchmakerv1.JoinRoomRequest{RoomCode: code, PlayerName: name, GuestToken: token})
	if err != nil {
		w.t.Fatal(err)
	}
	m := &roommate{w: w, code: res.GetRoomCode(), id: res.GetMemberId(), player: res.GetPlayerId(), token: res.GetGuestToken()}
	return m.watches()
}

func (m *roommate) watches() *roommate {
	m.w.t.Helper()
	ctx, cancel := context.WithCancel(m.w.context())
	stream, err := m.w.client.WatchRoom(ctx, &matchmakerv1.WatchRoomRequest{MemberId: m.id})
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.stream, m.leave = stream, cancel
	m.w.t.Cleanup(cancel)
	return m
}

// until reads on to a room that fits.
func (m *roommate) until(fits func(*roomState) bool) *roomState {
	m.w.t.Helper()
	for {
		r, err := m.stream.Recv()
		if err != nil {
			m.w.t.Fatalf("watch room: %v", err)
		}
		if fits(r) {
			return r
		}
	}
}

func (m *roommate) sees(members int) *roomState {
	m.w.t.Helper()
	return m.until(func(r *roomState) bool { return len(r.GetMembers()) == members })
}

func (m *roommate) waits() *roomState {
	m.w.t.Helper()
	return m.until(func(r *roomState) bool { return r.GetMatchId() == "" })
}

// plays follows the room into its next match.
func (m *roommate) plays() *matchmakerv1.Assignment {
	m.w.t.Helper()
	r := m.until(func(r *roomState) bool { return r.GetTicketId() != "" })
	return m.uses(r.GetTicketId())
}

func (m *roommate) uses(ticket string) *matchmakerv1.Assignment {
	m.w.t.Helper()
	p := &player{CreateTicketResponse: &matchmakerv1.CreateTicketResponse{TicketId: ticket}, w: m.w}
	return p.assigned()
}

func (m *roommate) starts() *matchmakerv1.Assignment {
	m.w.t.Helper()
	res, err := m.w.client.StartRoom(m.w.context(), &matchmakerv1.StartRoomRequest{MemberId: m.id})
	if err != nil {
		m.w.t.Fatal(err)
	}
	return m.uses(res.GetTicketId())
}

func (m *roommate) ready(ready bool) {
	m.w.t.Helper()
	if _, err := m.w.client.SetReady(m.w.context(), &matchmakerv1.SetReadyRequest{MemberId: m.id, Ready: ready}); err != nil {
		m.w.t.Fatal(err)
	}
}

func ownerOf(r *roomState) string {
	if len(r.GetMembers()) == 0 {
		return ""
	}
	return r.GetMembers()[0].GetPlayerName()
}

func TestRoom_playsOneMatchAfterAnother(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	all := []*roommate{w.enters(code, "Ann", "")}
	for _, name := range []string{"Bob", "Cid", "Dan"} {
		all = append(all, w.enters(strings.ToLower(code), name, ""))
	}
	r := all[1].sees(4)
	if !r.GetMembers()[0].GetOwner() || ownerOf(r) != "Ann" || !r.GetMembers()[1].GetYou() || r.GetSeats() != 4 || r.GetOptions()[0].GetValue() != 5 {
		t.Errorf("room %v", r)
	}
	seen := map[string]bool{}
	for round := 1; round <= 3; round++ {
		match := all[0].starts().GetMatchId()
		if want := fmt.Sprintf("room-%s-%d", strings.ToLower(code), round); match != want || seen[match] {
			t.Errorf("round %d is %s", round, match)
		}
		seen[match] = true
		tokens := map[string]bool{}
		for _, m := range all[1:] {
			a := m.plays()
			if a.GetMatchId() != match || a.GetRoomCode() != code || tokens[a.GetJoinToken()] {
				t.Errorf("round %d: %v", round, a)
			}
			tokens[a.GetJoinToken()] = true
		}
		g.ended(match)
		for _, m := range all {
			m.until(func(r *roomState) bool { return r.GetMatchId() == "" && int(r.GetRound()) == round })
		}
	}
	g.until(func() bool { return g.acked[fmt.Sprintf("room-%s-3", strings.ToLower(code))] })
}

func TestRoom_startsWhenAllAreReady(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	code := w.room("duel").GetRoomCode()
	ann := w.enters(code, "Ann", "")
	ann.ready(true)
	if r := ann.until(func(r *roomState) bool { return r.GetMembers()[0].GetReady() }); r.GetMatchId() != "" {
		t.Errorf("one is not enough: %v", r)
	}
	bob := w.enters(code, "Bob", "")
	bob.ready(true)
	a, b := ann.plays(), bob.plays()
	if a.GetMatchId() != b.GetMatchId() || a.GetMatchId() == "" {
		t.Errorf("%v and %v", a, b)
	}
}

func TestRoom_startsWhenTheLastUnreadyMemberLeaves(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	all := []*roommate{w.enters(code, "Ann", ""), w.enters(code, "Bob", ""), w.enters(code, "Cid", "")}
	all[0].ready(true)
	all[1].ready(true)
	if _, err := w.client.LeaveRoom(w.context(), &matchmakerv1.LeaveRoomRequest{MemberId: all[2].id}); err != nil {
		t.Fatal(err)
	}
	if a, b := all[0].plays(), all[1].plays(); a.GetMatchId() != b.GetMatchId() {
		t.Errorf("%v and %v", a, b)
	}
}

// The owner's tab is closed before, in and after a match.
func TestRoom_passesToTheMemberPresentLongest(t *testing.T) {
	for _, when := range []string{"before", "in", "after"} {
		t.Run(when, func(t *testing.T) {
			w := start(t, func(c *matchmaker.Config) { c.UnwatchedTimeout = time.Second })
			g := w.server("s1", nil)
			code := w.room("ffa").GetRoomCode()
			ann, bob, cid := w.enters(code, "Ann", ""), w.enters(code, "Bob", ""), w.enters(code, "Cid", "")
			cid.sees(3)
			if when != "before" {
				ann.starts()
				match := bob.plays().GetMatchId()
				if when == "after" {
					g.ended(match)
					bob.waits()
				}
			}
			ann.leave()
			if r := bob.until(func(r *roomState) bool { return ownerOf(r) == "Bob" }); len(r.GetMembers()) != 2 || !r.GetMembers()[0].GetYou() {
				t.Errorf("the room is %v", r)
			}
			again := w.enters(code, "Ann", ann.token)
			r := cid.until(func(r *roomState) bool { return ownerOf(r) == "Bob" && len(r.GetMembers()) == 3 })
			if names := []string{r.GetMembers()[0].GetPlayerName(), r.GetMembers()[2].GetPlayerName()}; !slices.Equal(names, []string{"Bob", "Ann"}) {
				t.Errorf("who came back owns it again: %v", r)
			}
			if again.player != ann.player {
				t.Error("ann is somebody else")
			}
			if when == "in" {
				g.ended(bob.until(func(r *roomState) bool { return r.GetMatchId() != "" }).GetMatchId())
				bob.waits()
			}
			match := bob.starts().GetMatchId()
			for _, m := range []*roommate{cid, again} {
				r := m.until(func(r *roomState) bool { return r.GetMatchId() == match && r.GetTicketId() != "" })
				if a := m.uses(r.GetTicketId()); a.GetMatchId() != match {
					t.Errorf("%s plays in %v, not in %s", m.player, a, match)
				}
			}
		})
	}
}

func TestRoom_lateMemberEntersTheRunningMatch(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann := w.enters(code, "Ann", "")
	match := ann.starts().GetMatchId()
	bob := w.enters(code, "Bob", "")
	if a := bob.plays(); a.GetMatchId() != match {
		t.Errorf("bob plays in %v", a)
	}
	// Who has left the match may come in again, and is nobody's owner for it.
	if a := bob.starts(); a.GetMatchId() != match {
		t.Errorf("bob plays in %v", a)
	}
}

// The owner may prepare the next match meanwhile.
func TestRoom_lateMemberPlaysThePresentMode(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann := w.enters(code, "Ann", "")
	match := ann.starts().GetMatchId()
	if _, err := w.client.SetRoom(w.context(), &matchmakerv1.SetRoomRequest{MemberId: ann.id, Mode: "duel"}); err != nil {
		t.Fatal(err)
	}
	bob := w.enters(code, "Bob", "")
	if a := bob.plays(); a.GetMatchId() != match || a.GetMode() != "ffa" {
		t.Errorf("bob plays in %v", a)
	}
	if _, err := w.client.SetRoom(w.context(), &matchmakerv1.SetRoomRequest{MemberId: ann.id, Mode: "ffa"}); err != nil {
		t.Fatal(err)
	}
	if a := w.join(code).assigned(); a.GetMatchId() != match || a.GetMode() != "ffa" {
		t.Errorf("an old client plays in %v", a)
	}
}

// The owner's page is closed, or gives up, while the match is being opened.
func TestRoom_matchStartsAlthoughTheOwnerLeaves(t *testing.T) {
	w := start(t, nil)
	asked, goOn := make(chan struct{}), make(chan struct{})
	w.server("s1", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(r *fleetv1.Reserve) *fleetv1.ReserveResult {
			if r.GetPrivate() {
				close(asked)
				<-goOn
			}
			return nil
		}
	})
	code := w.room("ffa").GetRoomCode()
	ann, bob := w.enters(code, "Ann", ""), w.enters(code, "Bob", "")
	ann.sees(2)
	ctx, cancel := context.WithCancel(w.context())
	done := make(chan error, 1)
	go func() {
		_, err := w.client.StartRoom(ctx, &matchmakerv1.StartRoomRequest{MemberId: ann.id})
		done <- err
	}()
	<-asked
	cancel()
	if err := <-done; err == nil {
		t.Error("the start was not given up")
	}
	close(goOn)
	if a := bob.plays(); !strings.HasSuffix(a.GetMatchId(), "-1") {
		t.Errorf("bob plays in %v", a)
	}
}

func TestRoom_rejectsWithReasons(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.MaxRooms = 2 })
	w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann, bob, cid := w.enters(code, "Ann", ""), w.enters(code, "Bob", ""), w.enters(code, "Cid", "")
	ctx := w.context()
	refused := func(what, reason string, err error) {
		t.Helper()
		if got := reasonOf(err); got != reason {
			t.Errorf("%s: %v, want %s", what, err, reason)
		}
	}
	_, err := w.client.StartRoom(ctx, &matchmakerv1.StartRoomRequest{MemberId: bob.id})
	refused("bob starts", "NOT_ROOM_OWNER", err)
	_, err = w.client.SetRoom(ctx, &matchmakerv1.SetRoomRequest{MemberId: bob.id})
	refused("bob sets", "NOT_ROOM_OWNER", err)
	_, err = w.client.SetRoom(ctx, &matchmakerv1.SetRoomRequest{MemberId: ann.id, Mode: "duel"})
	refused("three in a duel", "ROOM_FULL", err)
	_, err = w.client.SetRoom(ctx, &matchmakerv1.SetRoomRequest{MemberId: ann.id, Mode: "chess"})
	refused("no such mode", "UNKNOWN_MODE", err)
	_, err = w.client.SetRoom(ctx, &matchmakerv1.SetRoomRequest{MemberId: ann.id, Labels: map[string]string{"a": strings.Repeat("x", 65)}})
	refused("a long label", "BAD_LABEL", err)
	_, err = w.client.SetRoom(ctx, &matchmakerv1.SetRoomRequest{MemberId: ann.id, Labels: map[string]string{"a": "", "b": "", "c": "", "d": "", "e": ""}})
	refused("five labels", "BAD_LABEL", err)
	_, err = w.client.JoinRoom(ctx, &matchmakerv1.JoinRoomRequest{RoomCode: "ABCDEF"})
	refused("an unknown code", "ROOM_UNKNOWN", err)
	for _, id := range []string{"", "r.ABCDEF.x", "p." + code + ".x", cid.id + "x"} {
		_, err = w.client.SetReady(ctx, &matchmakerv1.SetReadyRequest{MemberId: id, Ready: true})
		refused("a stranger", "ROOM_UNKNOWN", err)
		_, err = w.client.GetRoom(ctx, &matchmakerv1.GetRoomRequest{MemberId: id})
		refused("a stranger polls", "ROOM_UNKNOWN", err)
	}
	w.enters(code, "Dan", "")
	_, err = w.client.JoinRoom(ctx, &matchmakerv1.JoinRoomRequest{RoomCode: code, PlayerName: "Eve"})
	refused("the fifth of four", "ROOM_FULL", err)

	if _, err := w.client.SetRoom(ctx, &matchmakerv1.SetRoomRequest{MemberId: ann.id, Labels: map[string]string{"title": "Friday\tnight"}}); err != nil {
		t.Fatal(err)
	}
	r := bob.until(func(r *roomState) bool { return len(r.GetLabels()) == 1 })
	if r.GetLabels()["title"] != "Friday night" || len(r.GetOptions()) != 0 || r.GetMode() != "ffa" {
		t.Errorf("room %v", r)
	}
	w.until("rooms are counted", func() bool {
		_, err = w.client.CreateRoom(ctx, &matchmakerv1.CreateRoomRequest{Game: "arena"})
		return err != nil
	})
	refused("one room too many", "TOO_MANY_ROOMS", err)
}

func TestRoom_waitsWhenNoServerTakesItsMatch(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", func(g *gameServer, _ *fleetv1.Register) { g.maxMatches = 0 })
	code := w.room("duel").GetRoomCode()
	ann := w.enters(code, "Ann", "")
	_, err := w.client.StartRoom(w.context(), &matchmakerv1.StartRoomRequest{MemberId: ann.id})
	if got := reasonOf(err); got != "SERVERS_FULL" {
		t.Errorf("start: %v", err)
	}
	if r := ann.until(func(r *roomState) bool { return r.GetMessage() != "" }); r.GetMatchId() != "" || r.GetTicketId() != "" {
		t.Errorf("room %v", r)
	}
	// An old client waits with her, until the next try fails too.
	bobs := w.join(code).watch()
	_, err = w.client.StartRoom(w.context(), &matchmakerv1.StartRoomRequest{MemberId: ann.id})
	if got := reasonOf(err); got != "SERVERS_FULL" {
		t.Errorf("start: %v", err)
	}
	if last := bobs.endOf(); last.GetReason() != matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED {
		t.Errorf("bob's search ended by %v", last)
	}
	g.look(func() { g.maxMatches = 10 })
	g.load(&fleetv1.Load{}) // until then it counts as full
	w.until("the server takes matches again", func() bool {
		_, err = w.client.StartRoom(w.context(), &matchmakerv1.StartRoomRequest{MemberId: ann.id})
		return err == nil
	})
	if a := ann.starts(); strings.HasSuffix(a.GetMatchId(), "-1") || strings.HasSuffix(a.GetMatchId(), "-2") {
		t.Errorf("a match's id is used again: %v", a)
	}
}

// A client of an earlier release comes by link where somebody waits for friends.
func TestRoom_oldClientWaitsForTheOwner(t *testing.T) {
	w := start(t, nil)
	g := w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann := w.enters(code, "Ann", "")
	ann.sees(1)
	old := w.join(code)
	watch := old.watch()
	if r := ann.sees(2); !r.GetMembers()[1].GetReady() || r.GetMatchId() != "" {
		t.Errorf("room %v", r)
	}
	match := ann.starts().GetMatchId()
	if a := watch.end().GetAssignment(); a.GetMatchId() != match {
		t.Errorf("the old client plays in %v", a)
	}
	g.ended(match)
	ann.until(func(r *roomState) bool { return r.GetMatchId() == "" && len(r.GetMembers()) == 1 && r.GetRound() == 1 })
	// It turns away while it waits for the next one, or that is made another.
	again := w.join(code)
	leaving := again.watch()
	ann.sees(2)
	if _, err := w.client.SetRoom(w.context(), &matchmakerv1.SetRoomRequest{MemberId: ann.id, Mode: "duel"}); err != nil {
		t.Fatal(err)
	}
	if last := leaving.endOf(); last.GetReason() != matchmakerv1.EndReason_END_REASON_UNMATCHABLE {
		t.Errorf("its search ended by %v", last)
	}
	ann.sees(1)
	again = w.join(code)
	leaving = again.watch()
	ann.sees(2)
	if _, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: again.GetTicketId()}); err != nil {
		t.Fatal(err)
	}
	leaving.endOf()
	ann.sees(1)
}

func TestRoom_partyEntersTogether(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann, party := w.leader("Ann")
	bob, cid := w.joins(party, "Bob"), w.joins(party, "Cid")
	ann.sees(3)
	_, err := w.client.JoinRoom(w.context(), &matchmakerv1.JoinRoomRequest{RoomCode: code, Party: bob.id})
	if got := reasonOf(err); got != "NOT_PARTY_LEADER" {
		t.Errorf("bob leads: %v", err)
	}
	res, err := w.client.JoinRoom(w.context(), &matchmakerv1.JoinRoomRequest{RoomCode: code, Party: ann.id})
	if err != nil {
		t.Fatal(err)
	}
	var all []*roommate
	for _, m := range []*member{ann, bob, cid} {
		p := m.until(func(p *matchmakerv1.WatchPartyResponse) bool { return p.GetRoomMemberId() != "" })
		if p.GetRoomCode() != code || m == ann && p.GetRoomMemberId() != res.GetMemberId() {
			t.Errorf("party %v", p)
		}
		all = append(all, (&roommate{w: w, code: code, id: p.GetRoomMemberId(), player: m.player}).watches())
	}
	dan := w.enters(code, "Dan", "")
	if r := dan.sees(4); ownerOf(r) != "Ann" {
		t.Errorf("room %v", r)
	}
	match := all[0].starts().GetMatchId()
	for _, m := range append(all[1:], dan) {
		if a := m.plays(); a.GetMatchId() != match {
			t.Errorf("%s plays in %v", m.player, a)
		}
	}
	// All of a party, or none.
	eve, _ := w.leader("Eve")
	_, err = w.client.JoinRoom(w.context(), &matchmakerv1.JoinRoomRequest{RoomCode: code, Party: eve.id})
	if got := reasonOf(err); got != "ROOM_FULL" {
		t.Errorf("the fifth: %v", err)
	}
	if _, err := w.client.LeaveRoom(w.context(), &matchmakerv1.LeaveRoomRequest{MemberId: all[1].id}); err != nil {
		t.Fatal(err)
	}
	bob.until(func(p *matchmakerv1.WatchPartyResponse) bool { return p.GetRoomMemberId() == "" })
}

func TestRoom_partyCreatesOne(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	ann, party := w.leader("Ann")
	bob := w.joins(party, "Bob")
	ann.sees(2)
	res, err := w.client.CreateRoom(w.context(), &matchmakerv1.CreateRoomRequest{Game: "arena", Mode: "ffa", Party: ann.id})
	if err != nil || res.GetMemberId() == "" || res.GetMatchId() != "" {
		t.Fatalf("room %v %v", res, err)
	}
	p := bob.until(func(p *matchmakerv1.WatchPartyResponse) bool { return p.GetRoomMemberId() != "" })
	bobs := (&roommate{w: w, id: p.GetRoomMemberId()}).watches()
	bobs.sees(2)
	// Who joins the party comes along.
	cid := w.joins(party, "Cid")
	cid.until(func(p *matchmakerv1.WatchPartyResponse) bool { return p.GetRoomCode() == res.GetRoomCode() })
	bobs.sees(3)
}
