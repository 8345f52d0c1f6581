package matchmaker_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

func TestRoom_belongsToItsCreator(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	known := w.quickPlay()
	res, err := w.client.CreateRoom(w.context(), &matchmakerv1.CreateRoomRequest{Game: "arena", Mode: "duel", GuestToken: known.GetGuestToken(), PlayerName: "Ann"})
	if err != nil || res.GetPlayerId() != known.GetPlayerId() || res.GetPlayerName() != "Ann" {
		t.Fatalf("room %v %v", res, err)
	}
	bob := w.enters(res.GetRoomCode(), "Bob", "")
	if r := bob.sees(2); ownerOf(r) != "Ann" {
		t.Errorf("room %v", r)
	}
	// The same player once more, from another tab: they are in it by both, and stay
	// when one of them leaves.
	again := w.enters(res.GetRoomCode(), "Ann", known.GetGuestToken())
	if r := again.sees(2); ownerOf(r) != "Ann" {
		t.Errorf("room %v", r)
	}
	if _, err := w.client.SetReady(w.context(), &matchmakerv1.SetReadyRequest{MemberId: res.GetMemberId()}); err != nil {
		t.Errorf("the first handle: %v", err)
	}
	if _, err := w.client.LeaveRoom(w.context(), &matchmakerv1.LeaveRoomRequest{MemberId: res.GetMemberId()}); err != nil {
		t.Error(err)
	}
	if r := again.sees(2); ownerOf(r) != "Ann" {
		t.Errorf("room %v", r)
	}
}

func TestRoom_isTheSameAtAllReplicas(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel), sharing(t, "b", nats.URL(), duel)
	ga, gb := both(a, b, "s1")
	code := a.room("duel").GetRoomCode()
	ann, bob := a.enters(code, "Ann", ""), b.enters(code, "Bob", "")
	ann.sees(2)
	for round := 1; round <= 2; round++ {
		ann.ready(true)
		bob.ready(true)
		// One process, two streams: the fakes do not share what they know.
		match := fmt.Sprintf("room-%s-%d", strings.ToLower(code), round)
		from, to := ga, gb
		a.until("the match is open", func() bool {
			for _, g := range []*gameServer{ga, gb} {
				open := false
				g.look(func() { open = g.matches[match] != nil })
				if open {
					from = g
					return true
				}
			}
			return false
		})
		if from == gb {
			to = ga
		}
		var status *fleetv1.MatchStatus
		from.look(func() { status = copyStatus(from.matches[match].status) })
		to.mu.Lock()
		to.matches[match] = &fakeMatch{seats: make([]string, 2), status: copyStatus(status)}
		to.mu.Unlock()
		to.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{status}})
		x, y := ann.plays(), bob.plays()
		if x.GetMatchId() != match || y.GetMatchId() != match {
			t.Errorf("ann plays in %v, bob in %v", x, y)
		}
		to.look(func() { delete(to.matches, match) })
		from.ended(match)
		to.load(&fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: match}}})
		ann.waits()
		bob.waits()
	}
}

// The single process is restarted between two matches.
func TestRoom_outlivesARestart(t *testing.T) {
	dir := t.TempDir()
	durable := func(c *matchmaker.Config) { c.DataDir, c.Key, c.ID = dir, sharedKey, "mm" }
	w := start(t, durable)
	g := w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann, bob := w.enters(code, "Ann", ""), w.enters(code, "Bob", "")
	ann.sees(2)
	leader, party := w.leader("Eve")
	leader.sees(1)
	match := ann.starts().GetMatchId()
	bob.plays()
	g.ended(match)
	ann.waits()
	w.stop()

	w = start(t, durable)
	w.server("s1", nil)
	ann.w, bob.w, leader.w = w, w, w
	bob.watches()
	ann.watches()
	if r := ann.sees(2); ownerOf(r) != "Ann" || r.GetRound() != 1 || r.GetMode() != "ffa" {
		t.Errorf("room %v", r)
	}
	if a := ann.starts(); !strings.HasSuffix(a.GetMatchId(), "-2") || a.GetRoomCode() != code {
		t.Errorf("assignment %v", a)
	}
	bob.plays()
	again := w.member(leader.id, leader.player)
	if p := again.sees(1); p.GetPartyCode() != party || !p.GetMembers()[0].GetLeader() {
		t.Errorf("party %v", p)
	}
}

func TestRoom_memberGoneAfterARestartLeaves(t *testing.T) {
	dir := t.TempDir()
	durable := func(c *matchmaker.Config) {
		c.DataDir, c.Key, c.ID, c.UnwatchedTimeout = dir, sharedKey, "mm", 500*time.Millisecond
	}
	w := start(t, durable)
	w.server("s1", nil)
	code := w.room("ffa").GetRoomCode()
	ann := w.enters(code, "Ann", "")
	bob := w.enters(code, "Bob", "")
	bob.sees(2)
	_ = ann
	// Cid has not come to watching.
	if _, err := w.client.JoinRoom(w.context(), &matchmakerv1.JoinRoomRequest{RoomCode: code, PlayerName: "Cid"}); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w = start(t, durable)
	bob.w = w
	if r := bob.watches().sees(1); ownerOf(r) != "Bob" {
		t.Errorf("room %v", r)
	}
}

// Whoever changes a room at the same time as others loses nothing.
func TestRoom_holdsACrowd(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(_ *gameServer, reg *fleetv1.Register) { reg.Games[0].Modes[0].MaxPlayers = 40 })
	code := w.room("ffa").GetRoomCode()
	var wg sync.WaitGroup
	ids := make([]string, 24)
	for i := range ids {
		wg.Go(func() {
			res, err := w.client.JoinRoom(w.context(), &matchmakerv1.JoinRoomRequest{RoomCode: code})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = res.GetMemberId()
			if _, err := w.client.SetReady(w.context(), &matchmakerv1.SetReadyRequest{MemberId: ids[i], Ready: i > 0}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	res, err := w.client.GetRoom(w.context(), &matchmakerv1.GetRoomRequest{MemberId: ids[0]})
	if err != nil {
		t.Fatal(err)
	}
	ready := 0
	for _, m := range res.GetRoom().GetMembers() {
		if m.GetReady() {
			ready++
		}
	}
	if n := len(res.GetRoom().GetMembers()); n != len(ids) {
		t.Errorf("%d of %d are there", n, len(ids))
	}
	// Several may have been all of two or more for a moment.
	if ready != len(ids)-1 && res.GetRoom().GetRound() == 0 {
		t.Errorf("%d are ready, the room is %v", ready, res.GetRoom())
	}
}

// reasonOf is the reason of a refusal, empty without one.
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// Watchers come back while a matchmaker still starts.
func TestService_rejectsCallsBeforeRun(t *testing.T) {
	mm, err := matchmaker.New(matchmaker.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(mm.Handler())
	defer server.Close()
	client := matchmakerv1connect.NewMatchmakerServiceClient(server.Client(), server.URL)
	calls := map[string]func() error{
		"WatchParty": func() error {
			return streamError(client.WatchParty(t.Context(), connect.NewRequest(&matchmakerv1.WatchPartyRequest{})))
		},
		"WatchRoom": func() error {
			return streamError(client.WatchRoom(t.Context(), connect.NewRequest(&matchmakerv1.WatchRoomRequest{})))
		},
		"GetParty": func() error {
			_, err := client.GetParty(t.Context(), connect.NewRequest(&matchmakerv1.GetPartyRequest{}))
			return err
		},
		"GetRoom": func() error {
			_, err := client.GetRoom(t.Context(), connect.NewRequest(&matchmakerv1.GetRoomRequest{}))
			return err
		},
		"StartRoom": func() error {
			_, err := client.StartRoom(t.Context(), connect.NewRequest(&matchmakerv1.StartRoomRequest{}))
			return err
		},
		"SetRoom": func() error {
			_, err := client.SetRoom(t.Context(), connect.NewRequest(&matchmakerv1.SetRoomRequest{}))
			return err
		},
		"SetReady": func() error {
			_, err := client.SetReady(t.Context(), connect.NewRequest(&matchmakerv1.SetReadyRequest{}))
			return err
		},
		"JoinRoom": func() error {
			_, err := client.JoinRoom(t.Context(), connect.NewRequest(&matchmakerv1.JoinRoomRequest{}))
			return err
		},
		"LeaveRoom": func() error {
			_, err := client.LeaveRoom(t.Context(), connect.NewRequest(&matchmakerv1.LeaveRoomRequest{}))
			return err
		},
	}
	for name, call := range calls {
		if err := call(); connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func streamError[T any](stream *connect.ServerStreamForClient[T], err error) error {
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	stream.Receive()
	return stream.Err()
}
