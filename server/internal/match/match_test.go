package match

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/seating"
	"tactus/server/internal/session"
)

func TestMatch_joinGetsWelcomeRosterAndKeyframe(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.want("a keyframe", a.Last.Flags&protocol.FlagKeyframe != 0)
	h.want("ann in the roster", a.Roster[0].Name == "ann" && a.Roster[0].Flags == protocol.RosterConnected)
	b := h.join("bob")
	a.Read()
	h.want("ann sees bob", a.Roster[1].Name == "bob" && a.Replica.Alive(0, 1))
	h.want("bob has slot 1", b.Welcome.Slot == 1 && b.Welcome.Rate == 20 && b.Welcome.Game == "units")
	h.tick(3)
	a.Read()
	h.want("differences after the keyframe", a.Last.Flags&protocol.FlagDiff != 0 && a.Last.Gap == 1)
	h.want("the server to know who sits where", fmt.Sprint(h.seats) == "[ann bob]")
}

func TestMatch_welcomeHasThePublicID(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	slots, err := h.reserve(Request{Player: "u-ann", Public: "p-7", Name: "ann", Team: -1, Reservation: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	a := h.claim(slots[0], "u-ann", "r1", 0)
	h.want("the public id", a.Welcome.Player == "p-7")
	h.want("it again after a reconnect", h.resume(a, 0).Welcome.Player == "p-7")
	h.want("the player's id for back ends", fmt.Sprint(h.seats) == "[u-ann]")
	h.want("the player's id of a guest", h.join("g-bob").Welcome.Player == "g-bob")
}

func TestMatch_inputsCountAtTheirTick(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	now := a.Last.Tick
	a.Input(1, now+3, 5)
	h.tick(1)
	a.Read()
	h.want("slack 3 for an input three ticks early", a.Last.Slack == 3 && a.X() == 0 && a.Last.Ack == 0)
	h.tick(2)
	a.Read()
	h.want("the input applied at its tick and acknowledged", a.X() == 5 && a.Last.Ack == 1)
	h.tick(1)
	a.Read()
	h.want("the last input kept", a.X() == 10)
	a.Input(2, uint32(h.m.sim.Tick()), 9) // its tick has just been stepped
	h.tick(1)
	a.Read()
	h.want("slack -1 for an input one tick late", a.Last.Slack == -1 && a.X() == 15)
	a.Input(2, now, 9)      // long past
	a.Input(3, now+1000, 9) // far future
	a.Input(4, now+6, 11)   // out of range
	a.Input(5, now+6, 0)    // fine
	h.tick(1)
	a.Read()
	h.want("only the fine one applied", a.X() == 15 && a.Last.Ack == 5)
}

func TestMatch_droppedSeatIsResumed(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	a.Input(1, a.Last.Tick+2, 3)
	h.tick(4)
	a.Read()
	seen := a.Replica.EventSeq()
	a.Conn.Lose(errors.New("connection reset"))
	h.tick(1)
	x := a.X()
	b.Command(0, "boom", 7)
	h.tick(20)
	b.Read()
	h.want("bob sees ann away", b.Roster[0].Flags == 0)
	h.want("an absent player's controls let go", int32(b.Replica.Row(0, 0)[0]) <= x+3)
	back := h.resume(a, seen)
	h.want("the same slot", back.Welcome.Slot == 0 && back.Welcome.Resumed)
	h.want("a keyframe", back.Last.Flags&protocol.FlagKeyframe != 0)
	h.want("the event that was missed", fmt.Sprint(back.Events) == "[7]")
	h.want("her own gold", back.Replica.Row(0, 0)[2] == 100)
	lost := h.resume(a, seen)
	h.want("the token good again as long as nobody has spoken", lost.Conn.Code() == 0 && back.Conn.Code() == protocol.CloseReplaced)
	lost.Input(1, lost.Last.Tick+1, 0)
	h.tick(1)
	stale := h.resume(a, seen)
	h.want("a resume token that works once", stale.Conn.Code() == protocol.CloseUnknownSession)
}

func TestMatch_resumeTokenIsGoodUntilANewerOneArrived(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.Input(1, a.Last.Tick+1, 0)
	h.tick(1)
	var arrived *matchtest.Client
	for n := range 4 {
		a.Conn.Lose(errors.New("connection reset"))
		h.tick(1)
		arrived = h.resume(a, 0)
		h.want(fmt.Sprintf("ann back, though %d welcomes did not arrive", n), arrived.Conn.Code() == 0 && arrived.Welcome.Resumed)
	}
	arrived.Input(1, arrived.Last.Tick+1, 0)
	h.tick(1)
	h.want("no earlier one when the newest has", h.resume(a, 0).Conn.Code() == protocol.CloseUnknownSession)
	secret := arrived.Secret()
	arrived.Bye()
	h.tick(1)
	h.join("bob")
	h.want("none for the next player's seat", arrived.Welcome.Slot == 0 && h.resume(a, 0).Conn.Code() == protocol.CloseUnknownSession)
	conn := matchtest.NewConn()
	h.d.Resume(conn.Server, 0, 0, secret, 0)
	h.tick(1)
	h.want("nor the newest", conn.Code() == protocol.CloseUnknownSession)
}

func TestMatch_freesSeatsAfterTheGrace(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 2})
	a, b := h.join("ann"), h.join("bob")
	a.Conn.Lose(errors.New("gone"))
	for range 31 * 20 {
		b.Input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 0)
		h.tick(1)
	}
	b.Read()
	h.want("ann out of the roster and the world", len(b.Roster) == 1 && !b.Replica.Alive(0, 0))
	late := h.resume(a, 0)
	h.want("unknown_session", late.Conn.Code() == protocol.CloseUnknownSession)
	h.want("the seat to be taken again", h.join("cleo").Welcome.Slot == 0)
}

func TestMatch_secondLoginReplacesTheFirst(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.Input(1, a.Last.Tick+1, 4)
	h.tick(1)
	again := h.join("ann")
	h.want("the old connection closed with replaced", a.Conn.Code() == protocol.CloseReplaced)
	h.want("the same seat, with its state", again.Welcome.Slot == 0 && again.Welcome.Resumed && again.X() > 0)
	h.want("one person in the match", h.d.Status().People == 1)
}

func TestMatch_tokensAreGoodOnce(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	used, other, forged := matchtest.NewConn(), matchtest.NewConn(), matchtest.NewConn()
	h.d.Claim(used.Server, 0, 0, "ann", "r1-ann")
	h.d.Claim(forged.Server, 0, 3, "bob", "r-bob")
	slots, err := h.reserve(Request{Player: "cleo", Team: -1, Reservation: "r-cleo"})
	if err != nil {
		t.Fatal(err)
	}
	h.d.Claim(other.Server, 0, slots[0], "dora", "r-cleo")
	h.tick(1)
	h.want("token_used", used.Code() == protocol.CloseTokenUsed)
	h.want("a token without a reservation refused", forged.Code() == protocol.CloseTokenExpired)
	h.want("a token of somebody else refused", other.Code() == protocol.CloseTokenExpired)
	late := matchtest.NewConn()
	h.tick(16 * 20)
	h.d.Claim(late.Server, 0, slots[0], "cleo", "r-cleo")
	h.tick(1)
	h.want("a seat not claimed in time free again", late.Code() == protocol.CloseTokenExpired && h.d.Status().People == 1)
}

func TestMatch_reservationsAreAllOrNone(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 3})
	h.join("ann")
	_, err := h.reserve(Request{Player: "b", Reservation: "1"}, Request{Player: "c", Reservation: "2"}, Request{Player: "d", Reservation: "3"})
	h.want("full", errors.Is(err, ErrFull))
	h.want("nothing kept of it", h.d.Status().People == 1)
	slots, err := h.reserve(Request{Player: "b", Reservation: "4"}, Request{Player: "c", Reservation: "5"})
	h.want("both seats", err == nil && len(slots) == 2 && !h.d.Status().Open)
	h.d.Release([]string{"4", "5"})
	h.tick(1)
	h.want("released seats free", h.d.Status().People == 1 && h.d.Status().Open)
}

func TestMatch_slowClientGetsTheNewestStateInOneSnapshot(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	a.Conn.Block(true)
	for range 100 {
		b.Input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 1)
		h.tick(1)
	}
	b.Command(0, "boom", 3)
	h.tick(1)
	a.Read()
	frames := a.Frames
	a.Conn.Block(false)
	h.tick(1)
	a.Read()
	b.Read()
	h.want("one frame", a.Frames == frames+1)
	h.want("with the newest state", a.Last.Tick == b.Last.Tick && a.Replica.Row(0, 1)[0] == b.Replica.Row(0, 1)[0])
	h.want("and what happened meanwhile", fmt.Sprint(a.Events) == "[3]")
	h.want("nothing of it felt by bob", b.Frames >= 101)
}

// TestMatch_stalledClientGetsNoBacklog: a player's inputs stop because the client's process is
// suspended. Nothing piles up in the kernel; the newest state waits in one snapshot.
func TestMatch_stalledClientGetsNoBacklog(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	idle := h.join("cleo") // never sends a thing, and is sent everything
	play := func(p *matchtest.Client) { p.Input(uint32(h.m.sim.Tick()), uint32(h.m.sim.Tick())+1, 1) }
	for range 40 {
		play(a)
		play(b)
		h.tick(1)
	}
	for range 8 * 20 {
		play(b)
		h.tick(1)
	}
	a.Read()
	behind := a.Frames
	play(a)
	h.tick(1)
	for _, p := range []*matchtest.Client{a, b, idle} {
		p.Read()
	}
	h.want("at most a second of snapshots for the stopped client", behind <= 2+40+22+2)
	h.want("one frame to the newest state", a.Frames == behind+1 && a.Last.Tick == b.Last.Tick)
	h.want("a matchtest.Silent spectator to get every snapshot", idle.Frames > 200)
}

func TestMatch_closesClientsThatNeverReadAsSlow(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, _ := h.join("ann"), h.join("bob")
	a.Conn.Block(true)
	h.tick(11 * 20)
	h.want("slow", a.Conn.Code() == protocol.CloseSlow)
}

func TestMatch_hibernatesUntilAPlayerSends(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	h.tick(8 * 20)
	a.Read()
	b.Read()
	h.want("hardly a frame for players to whom nothing happens", a.Frames < 30 && b.Frames < 30)
	h.want("ten ticks a second", h.m.pacer.interval() == pollPeriod)
	a.Input(1, uint32(h.m.sim.Tick())+1, 4)
	h.tick(1)
	b.Read()
	a.Read()
	h.want("the full rate again", h.m.pacer.interval() == matchtest.Period)
	h.want("what happened, as a difference to the last frame", b.Last.Flags&protocol.FlagDiff != 0 && b.Last.Gap > 1 && int32(b.Replica.Row(0, 0)[0]) == 4)
	h.tick(20)
	b.Read()
	h.want("every tick told while ann moves", b.Last.Tick == uint32(h.m.sim.Tick()))
}

func TestHeartbeat_closesHalfOpenPeers(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	h.tick(15 * 20)
	a.Read()
	h.want("a ping after ten matchtest.Silent seconds", a.Pings > 0 && a.Conn.Code() == 0)
	h.tick(16 * 20)
	h.want("idle after thirty", a.Conn.Code() == protocol.CloseIdle)
}

func TestMatch_abuseClosesWithProtocol(t *testing.T) {
	for name, send := range map[string]func(p *matchtest.Client, tick uint32){
		"a flood": func(p *matchtest.Client, tick uint32) {
			for i := range uint32(400) {
				p.Input(i+1, tick+1, 0)
			}
		},
		"invalid inputs": func(p *matchtest.Client, tick uint32) {
			for i := range uint32(40) {
				p.Input(i+1, tick+1, 99)
			}
		},
		"a server message": func(p *matchtest.Client, _ uint32) { p.Conn.Send([]byte{0x92, 17, 1}) },
		"garbage":          func(p *matchtest.Client, _ uint32) { p.Conn.Send([]byte{0xc1, 0xff}) },
	} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		a, b := h.join("ann"), h.join("bob")
		send(a, a.Last.Tick)
		h.tick(1)
		b.Read()
		h.want(name+" closed as protocol", a.Conn.Code() == protocol.CloseProtocol)
		h.want("bob to go on", b.Conn.Code() == 0 && b.Last.Tick == uint32(h.m.sim.Tick()))
	}
}

func TestMatch_botsFillAndGiveWay(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 4, Teams: 2})
	h.tick(30)
	_, bots := h.count()
	h.want("nobody playing before the first person", bots == 0)
	a := h.join("ann")
	h.tick(3)
	people, bots := h.count()
	h.want("three bots with her", people == 1 && bots == 3)
	b := h.join("bob")
	people, bots = h.count()
	h.want("a bot gave way", people == 2 && bots == 2)
	h.want("people spread over the teams", h.m.seating.Team(a.Welcome.Slot) != h.m.seating.Team(b.Welcome.Slot))
	sides := map[int32]int{}
	for p := range h.m.players {
		sides[h.m.seating.Team(game.Slot(p))]++
	}
	h.want("teams of two", sides[0] == 2 && sides[1] == 2)
	b.Conn.Send(protocol.AppendBye(nil))
	h.tick(5)
	people, bots = h.count()
	h.want("a bot back for who left", people == 1 && bots == 3 && b.Conn.Code() == protocol.CloseLeft)
}

func TestMatch_noTwoNamesLookTheSame(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 30, Fill: 30})
	names := func(want ...string) {
		t.Helper()
		slots := map[string]bool{}
		for p := range h.m.players {
			if e, taken := h.m.roster.entry(game.Slot(p), &session.RosterCursor{}); taken {
				slots[e.Name] = true
			}
		}
		for _, name := range want {
			if !slots[name] {
				t.Errorf("%q is not in %v", name, slots)
			}
		}
		if people, bots := h.count(); len(slots) != people+bots {
			t.Errorf("%d names of %d people and %d bots: %v", len(slots), people, bots, slots)
		}
	}
	seat := func(player, name string) *matchtest.Client {
		t.Helper()
		slots, err := h.reserve(Request{Player: player, Name: name, Team: -1, Reservation: "r-" + player})
		if err != nil {
			t.Fatal(err)
		}
		return h.claim(slots[0], player, "r-"+player, 0)
	}
	seat("p1", "Ann")
	h.tick(30)
	p2 := seat("p2", "Аnn") // a Cyrillic А
	seat("p3", "ANN")
	seat("p4", "Tempo")     // a bot's
	seat("p5", "Allegro 2") // the bot's of the 25th slot
	seat("p6", "")
	h.tick(3)
	names("Ann", "Аnn 2", "ANN 3", "Tempo 2", "Allegro 2 2", "")
	if again, err := h.reserve(Request{Player: "p2", Name: "Bob", Team: -1, Reservation: "again"}); err != nil || again[0] != p2.Welcome.Slot {
		t.Fatal(again, err)
	}
	p2 = h.claim(p2.Welcome.Slot, "p2", "again", 0)
	names("Аnn 2") // a player that returns keeps the name
	p2.Conn.Send(protocol.AppendBye(nil))
	h.tick(5)
	seat("p7", "ann")
	names("Ann", "ann 2", "ANN 3") // the number is free again
}

func TestMatch_panicEndsOnlyItsMatch(t *testing.T) {
	h, other := newHarness(t, game.Mode{MaxPlayers: 4}), newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), other.join("bob")
	a.Command(0, "explode")
	ctx := context.Background()
	h.run(ctx)
	h.want("game_error", a.Conn.Code() == protocol.CloseGameError)
	h.want("the log closed with the reason", h.log.Lines[len(h.log.Lines)-1] == "close game_error")
	h.want("the end reported", len(h.ended) == 1 && h.ended[0].Reason == EndError)
	other.tick(3)
	h.want("the other match to go on", b.Conn.Code() == 0)
	refused := matchtest.NewConn()
	h.d.Claim(refused.Server, 0, 0, "ann", "x")
	h.want("nobody let in any more", refused.Code() == protocol.CloseMatchOver)
}

func TestOutcome_isSentBeforeTheEnd(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 2})
	a := h.join("ann")
	a.Command(0, "finish")
	h.tick(5)
	a.Read()
	h.want("the result", len(a.Results) == 1 && a.Results[0].Over && len(a.Results[0].Results) == 2 && a.Results[0].Next == 1000)
	h.want("people's results reported", len(h.over) == 1 && h.over[0].Reason == EndOver && len(h.over[0].Results) == 1 && h.over[0].Results[0].Player == "ann")
	h.want("no new players", !h.d.Status().Open)
	_, err := h.reserve(Request{Player: "bob", Reservation: "r"})
	h.want("over", errors.Is(err, ErrOver))
	h.run(context.Background())
	h.want("match_over", a.Conn.Code() == protocol.CloseMatchOver)
	h.want("the end and no second result", len(h.ended) == 1 && h.ended[0].Reason == EndOver && len(h.over) == 1)
}

func TestMatch_reservationMadeAgainHoldsItsSeatLonger(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	bob := func(id string) game.Slot {
		slots, err := h.reserve(Request{Player: "bob", Name: "bob", Team: -1, Reservation: id})
		if err != nil {
			t.Fatal(err)
		}
		return slots[0]
	}
	first := bob("r1")
	h.tick(int(10 * int64(time.Second) / matchtest.Period))
	h.want("the same seat", bob("r2") == first)
	h.tick(int(10 * int64(time.Second) / matchtest.Period)) // the first would have ended
	conn := matchtest.NewConn()
	h.m.Claim(h.m.shared.Now, conn.Server, 0, first, "bob", "r2")
	h.want("bob seated", conn.Code() == 0 && h.m.seating.Seat(first).State() == seating.Connected)
}

func TestOutcome_isSentToPlayersWhoJoinLater(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	slots, err := h.reserve(Request{Player: "bob", Name: "bob", Team: -1, Reservation: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	a.Command(0, "finish")
	h.tick(5)
	bob := matchtest.NewClient(t)
	h.m.Claim(h.m.shared.Now, bob.Conn.Server, 0, slots[0], "bob", "bob")
	a.Conn.Lose(errors.New("connection reset"))
	h.tick(2)
	ann := h.resume(a, 0)
	h.tick(1)
	for _, p := range []*matchtest.Client{bob, ann} {
		p.Read()
		h.want("the result", len(p.Results) == 1 && p.Results[0].Over && p.Results[0].Results[0].Name == "ann")
		h.want("a snapshot before it", p.FramesAtResult > 0)
		h.want("the time that is left", p.Results[0].Next > 0 && p.Results[0].Next < 1000)
	}
}

func TestOutcome_isTheReasonHoweverTheMatchEnds(t *testing.T) {
	for what, end := range map[string]func(h *harness, ann *matchtest.Client){
		"everybody leaves": func(h *harness, ann *matchtest.Client) {
			ann.Conn.Send(protocol.AppendBye(nil))
			h.tick(5)
		},
		"the server stops": func(h *harness, _ *matchtest.Client) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			h.run(ctx)
		},
		"the rules fail": func(h *harness, ann *matchtest.Client) {
			ann.Command(0, "explode")
			h.tick(5)
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 2})
			a := h.join("ann")
			a.Command(0, "finish")
			h.tick(5)
			end(h, a)
			h.want("the match over", h.m.ended == EndOver)
			h.want("one result", len(h.over) == 1 && len(h.over[0].Results) == 1)
		})
	}
}

func TestTimeouts_endAMatchWithoutPlayers(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 4})
	h.run(context.Background())
	h.want("empty after two seconds", h.ended[0].Reason == EndEmpty && h.m.sim.Tick() >= 38 && h.m.sim.Tick() <= 44)
}

func TestMatch_waitsForItsFirstPlayer(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.d.WaitForPlayers(int64(10 * time.Second))
	h.tick(9 * 20)
	h.want("the room still open after nine seconds", h.m.ended == "")
	h.d.Release(nil)
	h.tick(1)
	h.want("the room closed when nobody will come", h.m.ended == EndEmpty)
	other := newHarness(t, game.Mode{MaxPlayers: 4})
	other.join("ann")
	other.d.Release(nil)
	other.tick(1)
	other.want("a match with people to go on", other.m.ended == "")
}

func TestMatch_answersCommandsAndChat(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, b := h.join("ann"), h.join("bob")
	a.Command(7, "boom", 5, 6)
	a.Command(8, "nonsense")
	a.Conn.Send(protocol.AppendSay(nil, &protocol.Say{Text: "hi"}))
	h.tick(1)
	a.Read()
	b.Read()
	h.want("an answer", fmt.Sprint(a.Replies) == "[{7 true [5 6] } {8 false [] }]")
	h.want("the event for both", fmt.Sprint(a.Events, b.Events) == "[5] [5]")
	h.want("the chat for both", len(a.Chats) == 1 && len(b.Chats) == 1 && b.Chats[0].Slot == 0 && b.Chats[0].Text == "hi")
	h.want("commands in the log", h.log.Has("command 0 boom [5 6]"))
}

func TestMatch_refusalsHaveReasonsWhereTheClientReadsThem(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.joinWith("ann", protocol.FeatureReply|1<<7)
	if a.Welcome.Features != protocol.FeatureReply {
		t.Errorf("features %v hold, want reply alone: nobody knows the other", a.Welcome.Features.Names())
	}
	a.Command(1, "nonsense")
	a.Say("hi", 2)
	a.Say("a\tb", 3)
	a.Say(strings.Repeat("x", protocol.MaxChat+1), 4)
	a.Say("", 5)
	for id := range uint32(5) {
		a.Say("more", 6+id)
	}
	h.tick(1)
	a.Read()
	want := "[{3 false [] bad_text} {4 false [] too_long} {5 false [] bad_text} {10 false [] busy}" +
		" {1 false [] refused} {2 true [] } {6 true [] } {7 true [] } {8 true [] } {9 true [] }]"
	if got := fmt.Sprint(a.Replies); got != want {
		t.Errorf("replies %s\nwant %s", got, want)
	}
	h.want("five lines said, and the player still there", len(a.Chats) == 5 && a.Conn.Code() == 0)
}

func TestChat_isCleaned(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.joinWith("ann", protocol.FeatureReply)
	a.Say("g\u200bg  z\u0301\u0302\u0303\u0304\u0306 ❤\ufe0f\u3164", 1)
	a.Say("\u3164\u200b", 2)
	h.tick(1)
	a.Read()
	h.want("what can be shown", len(a.Chats) == 1 && a.Chats[0].Text == "gg ź\u0302\u0303\u0304 ❤\ufe0f")
	h.want("nothing, refused", fmt.Sprint(a.Replies) == "[{2 false [] bad_text} {1 true [] }]")
}

func TestChat_refusalIsANoticeToOldClients(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	a.Say("a\tb", 0)
	a.Say("a\nb", 7)
	h.tick(1)
	a.Read()
	h.want("one notice, no reply, and the seat", len(a.Notices) == 1 && len(a.Replies) == 0 && a.Conn.Code() == 0)
	h.tick(int(int64(5*time.Second) / matchtest.Period))
	a.Say("a\tb", 0)
	h.tick(1)
	a.Read()
	h.want("another notice five seconds later", len(a.Notices) == 2)
}

func TestMatch_tickDoesNotAllocate(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Fill: 4})
	h.m.record = matchtest.Silent{}
	players := []*matchtest.Client{h.join("ann"), h.join("bob"), h.join("cleo")}
	frames := make([][]byte, len(players))
	for i := range players {
		frames[i] = make([]byte, 0, 64)
	}
	seq := uint32(0)
	tick := func() {
		seq++
		for i, p := range players {
			frames[i] = protocol.AppendInput(frames[i][:0], protocol.InputHeader{Seq: seq, Tick: uint32(h.m.sim.Tick()) + 2}, []uint32{seq % 10})
			p.Conn.Send(frames[i])
			p.Conn.Discard()
		}
		h.clock.Time += matchtest.Period
		tick(h.m, h.clock.Time)
	}
	for range 100 {
		tick()
	}
	if n := testing.AllocsPerRun(400, tick); n != 0 {
		t.Errorf("%v allocations a tick, want 0", n)
	}
}
