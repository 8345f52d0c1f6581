package seating

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tactus/game"
)

func TestSeating_recordsChangesInOrder(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 3, Fill: 2})
	h.FillBots()
	h.want("no player yet")
	ann := h.reserve("ann", 1)
	h.want("a reservation", "reserved 0 ann")
	h.enter(ann, "ann", 1)
	h.want("a claim", "joined 0 ann", "connected 0 ann")
	h.FillBots()
	h.want("bots fill", "bot joined 1 Andante")
	bob := h.reserve("bob", 1)
	h.want("a seat without a bot first", "reserved 2 bob")
	h.enter(bob, "bob", 1)
	h.want("a bot gives way", "bot left 1 Andante", "joined 2 bob", "connected 2 bob")
	h.Disconnect(ann, 50)
	h.want("a lost connection", "disconnected 0 ann")
	h.Expire(49)
	h.want("its deadline has not come")
	h.Expire(50)
	h.want("its deadline", "left 0 ann", "freed 0 ann")
	h.FillBots()
	h.want("a bot instead", "bot joined 0 Allegro")
	h.Vacate(bob, game.LeaveQuit)
	h.want("a player leaves", "left 2 bob", "freed 2 bob")
	h.Vacate(bob, game.LeaveQuit)
	h.want("an empty seat")
}

func TestSeating_Reserve(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 2})
	three := []Request{{Player: "a", Name: "Ann"}, {Player: "b", Name: "Ann"}, {Player: "c", Name: "Ann"}}
	if _, err := h.Reserve(100, true, three); !errors.Is(err, ErrFull) || h.Players() != 0 {
		t.Errorf("three in a match of two: %v, %d seats taken", err, h.Players())
	}
	h.want("all or none")
	if _, err := h.Reserve(100, false, three[:1]); !errors.Is(err, ErrOverloaded) {
		t.Errorf("not open: %v", err)
	}
	ann := h.reserve("Ann", 1)
	if again := h.reserve("Ann", 2); again != ann {
		t.Errorf("slot %d, had %d", again, ann)
	}
	h.want("one seat for one player", "reserved 0 Ann", "reserved 0 Ann")
	if _, err := h.Reserve(100, false, []Request{{Player: "Ann", Reservation: "Ann3"}}); err != nil {
		t.Errorf("not open, for a player with a seat: %v", err)
	}
	h.Cancel([]string{"Ann1"}) // replaced since
	if h.Cancel([]string{"Ann3"}); h.Players() != 0 {
		t.Error("cancelled, and still there")
	}
	h.want("cancelled", "reserved 0 Ann", "ended 0 Ann")
	if h.reserve("Ann", 4); h.Seat(0).Name != "Ann" {
		t.Errorf("named %q: the name is free again", h.Seat(0).Name)
	}
	h.Expire(100)
	h.want("not claimed in time", "reserved 0 Ann", "ended 0 Ann")
}

func TestSeating_Claim(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 2})
	claim := func(now int64, player, reservation string) error {
		_, err := h.Claim(now, 0, player, reservation, true)
		return err
	}
	h.reserve("ann", 1)
	for what, err := range map[string]error{
		"another player":      claim(1, "bob", "ann1"),
		"another reservation": claim(1, "ann", "ann2"),
		"no reservation":      claim(1, "ann", ""),
		"too late":            claim(100, "ann", "ann1"),
	} {
		if !errors.Is(err, ErrTokenExpired) {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.enter(0, "ann", 1)
	if err := claim(1, "ann", "ann1"); !errors.Is(err, ErrTokenUsed) {
		t.Errorf("the same token again: %v", err)
	}
}

// TestSeating_claimKeepsPlayerInWorld: a player who comes with a new token, while
// connected or dropped, has the seat and the world's player as before.
func TestSeating_claimKeepsPlayerInWorld(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 2})
	h.enter(h.reserve("ann", 1), "ann", 1)
	h.reserve("ann", 2)
	h.Changes()
	h.enter(0, "ann", 2)
	h.want("connected, with a new token", "connected 0 ann")
	h.Disconnect(0, 50)
	h.reserve("ann", 3)
	h.Expire(50) // held for the token
	h.enter(0, "ann", 3)
	h.want("dropped, with a new token", "disconnected 0 ann", "reserved 0 ann", "connected 0 ann")
	if taken, bot := h.sim.Taken(0); !taken || bot {
		t.Error("not in the world")
	}
}

// TestSeating_Resume: a secret is good until a newer one has arrived.
func TestSeating_Resume(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 2})
	h.enter(h.reserve("ann", 1), "ann", 1)
	var secrets []string
	resume := func(secret string, confirmed bool) error {
		generation, ok := h.CheckSecret(0, secret)
		if !ok {
			t.Fatal("not made for the slot")
		}
		err := h.Resume(0, generation, confirmed)
		if err == nil {
			secrets = append(secrets, h.Secret(0))
		}
		return err
	}
	first := h.Secret(0)
	for range 3 { // welcomes are lost
		if err := resume(first, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := resume(secrets[1], false); err != nil {
		t.Errorf("one of them arrived: %v", err)
	}
	for _, old := range append(secrets[:3:3], first) {
		if err := resume(old, true); !errors.Is(err, ErrUnknownSession) {
			t.Errorf("the newest arrived: %v", err)
		}
	}
	newest := h.Secret(0)
	if err := resume(newest, true); err != nil {
		t.Error(err)
	}
	if err := resume(newest, false); err != nil {
		t.Errorf("the next was lost: %v", err)
	}
	h.Vacate(0, game.LeaveQuit)
	for _, old := range append(secrets, first) {
		if err := resume(old, false); !errors.Is(err, ErrUnknownSession) {
			t.Errorf("the player has left: %v", err)
		}
	}
}

func TestSeating_teams(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4, Teams: 2, Fill: 4})
	h.enter(h.reserve("ann", 1), "ann", 1)
	h.FillBots()
	for i, team := range []int32{1, 1} {
		name := fmt.Sprint("p", i)
		slots, err := h.Reserve(100, true, []Request{{Player: name, Team: team, Reservation: name, Skill: float64(10 * (i + 1))}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Claim(1, slots[0], name, name, false); err != nil {
			t.Fatal(err)
		}
		h.Enter(slots[0])
		if h.Team(slots[0]) != team {
			t.Errorf("team %d, reserved in %d", h.Team(slots[0]), team)
		}
	}
	if _, err := h.Reserve(100, true, []Request{{Player: "x", Team: 1}}); !errors.Is(err, ErrFull) {
		t.Errorf("a third in a team of two: %v", err)
	}
	if got := fmt.Sprint(h.Teams()); got != "[{1 2 0} {2 2 15}]" {
		t.Errorf("teams %s", got)
	}
}

// TestSeating_holdsInvariants: whatever happens, each player has one seat, each
// player with a claimed seat is in the world, names do not repeat, and the changes
// add up to what the world has.
func TestSeating_holdsInvariants(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHarness(t, game.Mode{MaxPlayers: 4, Teams: rapid.IntRange(0, 2).Draw(r, "teams"), Fill: rapid.IntRange(0, 4).Draw(r, "fill")})
		inWorld := map[game.Slot]string{}
		for now := int64(1); now < 60; now++ {
			h.randomEvent(r, now)
			for _, c := range h.Changes() {
				switch c.Kind {
				case PlayerJoined, BotJoined:
					if have, ok := inWorld[c.Slot]; ok {
						r.Fatalf("%q joins in slot %d, where %q is", c.Name, c.Slot, have)
					}
					inWorld[c.Slot] = c.Name
				case PlayerLeft, BotLeft:
					delete(inWorld, c.Slot)
				default:
				}
			}
			h.check(r, inWorld)
		}
	})
}

func (h *harness) randomEvent(r *rapid.T, now int64) {
	player := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(r, "player")
	slot := game.Slot(rapid.IntRange(0, len(h.seats)-1).Draw(r, "slot"))
	seat := h.seats[slot]
	switch rapid.IntRange(0, 7).Draw(r, "event") {
	case 0, 1:
		_, _ = h.Reserve(now+5, true, []Request{{Player: player, Name: "Ann", Team: int32(now%3) - 1, Reservation: fmt.Sprint(now)}})
	case 2, 3:
		if first, err := h.Claim(now, slot, seat.Player, seat.reservation, now%2 == 0); err == nil && first {
			h.Enter(slot)
		}
	case 4:
		_ = h.Resume(slot, seat.generation, now%2 == 0)
	case 5:
		h.Disconnect(slot, now+5)
	case 6:
		h.Vacate(slot, game.LeaveQuit)
	case 7:
		h.Cancel([]string{seat.reservation})
	}
	h.Expire(now)
	h.FillBots()
}

func (h *harness) check(r *rapid.T, inWorld map[game.Slot]string) {
	players, names := map[string]bool{}, map[string]bool{}
	for _, s := range h.seats {
		taken, bot := h.sim.Taken(s.slot)
		if _, ok := inWorld[s.slot]; ok != taken {
			r.Fatalf("slot %d: in the world is %v, by the changes %v", s.slot, taken, ok)
		}
		if playing := s.state == Connected || s.state == Dropped; playing != (taken && !bot) {
			r.Fatalf("slot %d in state %d: taken %v, by a bot %v", s.slot, s.state, taken, bot)
		}
		if s.state == Free {
			continue
		}
		if players[s.Player] || names[s.Name] {
			r.Fatalf("slot %d: %q, %q sit twice", s.slot, s.Player, s.Name)
		}
		players[s.Player], names[s.Name] = true, true
	}
}
