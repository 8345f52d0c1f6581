package seating

import (
	"fmt"
	"testing"

	"tactus/game"
)

// world is a game that knows only who is in which team.
type world struct {
	tables *game.Tables
	teams  map[game.Slot]int32
}

type rules struct{ mode game.Mode }

func (r rules) Info() game.Info { return game.Info{Name: "seats", Modes: []game.Mode{r.mode}} }
func (r rules) NewWorld(game.MatchConfig) game.World {
	return &world{tables: game.NewTables(), teams: map[game.Slot]int32{}}
}

func (w *world) Tables() *game.Tables                    { return w.tables }
func (w *world) Join(p game.Slot, info game.PlayerInfo)  { w.teams[p] = info.Team }
func (w *world) Leave(p game.Slot, _ game.LeaveReason)   { delete(w.teams, p) }
func (w *world) Step(game.Tick, *game.Inputs)            {}
func (w *world) Outcome() (o game.Outcome, over bool)    { return o, false }
func (w *world) Command(game.Slot, string, []int32) bool { return false }
func (w *world) Team(p game.Slot) int32 {
	if team, ok := w.teams[p]; ok {
		return team
	}
	return -1
}

// harness is the seating of a match in a mode.
type harness struct {
	*Seating
	t *testing.T
}

func newHarness(t *testing.T, mode game.Mode) *harness {
	t.Helper()
	sim, err := game.NewSimulation(rules{mode}, game.MatchConfig{Mode: mode})
	if err != nil {
		t.Fatal(err)
	}
	seats := make([]*Seat, mode.MaxPlayers)
	for p := range seats {
		s := NewSeat(game.Slot(p))
		seats[p] = &s
	}
	return &harness{New(sim, "", seats), t}
}

// reserve reserves a seat for a player, by a token with the name of the player and
// the number.
func (h *harness) reserve(player string, token int) game.Slot {
	h.t.Helper()
	slots, err := h.Reserve(100, true, []Request{{Player: player, Name: player, Team: -1, Reservation: fmt.Sprint(player, token)}})
	if err != nil {
		h.t.Fatal(err)
	}
	return slots[0]
}

// enter seats a player who has a reservation.
func (h *harness) enter(slot game.Slot, player string, token int) {
	h.t.Helper()
	first, err := h.Claim(1, slot, player, fmt.Sprint(player, token), false)
	if err != nil {
		h.t.Fatal(err)
	}
	if first {
		h.Enter(slot)
	} else {
		h.Connected(slot)
	}
}

// want compares the changes since the last call.
func (h *harness) want(what string, want ...string) {
	h.t.Helper()
	var got []string
	for _, c := range h.Changes() {
		got = append(got, fmt.Sprint(kindNames[c.Kind], " ", c.Slot, " ", c.Name))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("%s: changes %q, want %q", what, got, want)
	}
}

var kindNames = [...]string{
	ReservationMade: "reserved", ReservationEnded: "ended", PlayerConnected: "connected", PlayerDisconnected: "disconnected",
	PlayerJoined: "joined", PlayerLeft: "left", BotJoined: "bot joined", BotLeft: "bot left", SeatFreed: "freed",
}
