package match

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tactus/game"
	"tactus/game/arena"
	"tactus/game/tag"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
)

// longName is the longest name of a player: 24 characters of four bytes.
func longName(i int) string {
	return strings.Repeat("𝕏", protocol.MaxName-4) + strings.Map(func(r rune) rune { return '𝟘' + r - '0' }, fmt.Sprintf("%04d", i))
}

// fullMatch is a match with a player in every seat, all with the longest names. Its
// sockets are memory.
type fullMatch struct {
	*testing.T
	m       *Match
	now     int64
	seats   int
	clients []*matchtest.Conn
	rosters []map[game.Slot]protocol.RosterEntry
	longest int // roster message
	results int
	texts   int
}

func newFullMatch(t *testing.T, g game.Game, mode game.Mode) *fullMatch {
	t.Helper()
	h := newHarnessFor(t, g, Config{Match: game.MatchConfig{Mode: mode}})
	h.m.cfg.HashEvery = 0 // of thousands it takes long
	f := &fullMatch{
		T: t, m: h.m, now: h.clock.Time, seats: mode.MaxPlayers,
		clients: make([]*matchtest.Conn, mode.MaxPlayers), rosters: make([]map[game.Slot]protocol.RosterEntry, mode.MaxPlayers),
	}
	t.Cleanup(f.m.Close)
	requests := make([]Request, f.seats)
	for i := range requests {
		requests[i] = Request{Player: fmt.Sprint("p", i), Name: longName(i), Team: -1, Reservation: fmt.Sprint("r", i)}
	}
	if _, err := f.m.Reserve(f.now, f.now+int64(time.Minute), true, requests); err != nil {
		t.Fatal(err)
	}
	return f
}

// inTurns gives every nth player a connection, some of them between two ticks.
func (f *fullMatch) inTurns(nth int, call func(p game.Slot, c *matchtest.Conn)) {
	for p := 0; p < f.seats; p += nth {
		f.clients[p], f.rosters[p] = matchtest.NewConn(), map[game.Slot]protocol.RosterEntry{}
		call(game.Slot(p), f.clients[p])
		if p%300 == 0 {
			f.tick()
		}
	}
}

func (f *fullMatch) tick() {
	f.now += f.m.pacer.period
	tick(f.m, f.now)
	for p, c := range f.clients {
		if c != nil {
			f.receive(p, c.Received())
		}
	}
}

// looks reports whether a client keeps its roster: it takes long.
func (f *fullMatch) looks(p int) bool { return p%100 == 0 || p == f.seats-1 }

// receive keeps the roster of some of the clients.
func (f *fullMatch) receive(p int, b []byte) {
	for _, message := range matchtest.Messages(b) {
		switch kind, _ := protocol.Type(message); kind {
		case protocol.TypeRoster:
			f.longest = max(f.longest, len(message))
			if f.looks(p) {
				matchtest.UpdateRoster(f.T, f.rosters[p], message)
			}
		case protocol.TypeResult:
			f.results++
		case protocol.TypeChat, protocol.TypeNotice:
			f.texts++
		default:
		}
	}
}

// want fails unless all are connected, and know all, after so many ticks.
func (f *fullMatch) want(what string, ticks int) {
	f.Helper()
	for range ticks {
		f.tick()
	}
	for p, c := range f.clients {
		if c.Code() != 0 {
			f.Fatalf("%s: player %d of %d was closed with %v", what, p, f.seats, c.Code())
		}
		for slot := range f.rosters[p] {
			if want := longName(int(slot)); f.rosters[p][slot].Name != want {
				f.Fatalf("%s: player %d sees %q in seat %d, want %q", what, p, f.rosters[p][slot].Name, slot, want)
			}
		}
		if f.looks(p) && len(f.rosters[p]) != f.seats {
			f.Fatalf("%s: player %d sees %d of %d players", what, p, len(f.rosters[p]), f.seats)
		}
	}
	if f.longest > maxRosterPart {
		f.Errorf("%s: a roster message of %d bytes", what, f.longest)
	}
}

// TestMatch_everyModeFillsToItsLastSeat with players that have the longest names. Then
// some lose their connections and come back.
func TestMatch_everyModeFillsToItsLastSeat(t *testing.T) {
	for _, g := range []game.Game{arena.Game, tag.Game} {
		for _, mode := range g.Info().Modes {
			if mode.MaxPlayers > 100 && testing.Short() {
				continue
			}
			t.Run(g.Info().Name+"/"+mode.Name, func(t *testing.T) {
				f := newFullMatch(t, g, mode)
				f.inTurns(1, func(p game.Slot, c *matchtest.Conn) {
					f.m.Claim(f.now, c.Server, 0, p, fmt.Sprint("p", p), fmt.Sprint("r", p))
				})
				parts := f.seats*(protocol.MaxNameBytes+rosterEntryRoom)/maxRosterPart + 2
				f.want("filled", parts)
				nth := max(1, f.seats/30)
				for p := 0; p < f.seats; p += nth {
					f.clients[p].Lose(errors.New("the network is gone"))
				}
				f.tick()
				f.inTurns(nth, func(p game.Slot, c *matchtest.Conn) {
					generation, _ := f.m.CheckSecret(p, f.m.seating.Secret(p))
					f.m.Resume(f.now, c.Server, 0, p, generation, 0)
				})
				f.want("resumed", parts)
			})
		}
	}
}

// TestOutcome_ofALargeMatchClosesNobody: its result is longer than all that waits for a
// socket otherwise.
func TestOutcome_ofALargeMatchClosesNobody(t *testing.T) {
	seats := 1200
	if testing.Short() {
		seats = 600
	}
	mode := game.Mode{Name: "m", MaxPlayers: seats}
	f := newFullMatch(t, matchtest.Game{Mode: mode}, mode)
	f.m.cfg.Linger = time.Minute
	f.inTurns(1, func(p game.Slot, c *matchtest.Conn) {
		f.m.Claim(f.now, c.Server, 0, p, fmt.Sprint("p", p), fmt.Sprint("r", p))
	})
	f.tick()
	f.clients[0].Send(protocol.AppendCommand(nil, &protocol.Command{Name: "finish"}))
	for ticks := 0; f.results < seats; ticks++ {
		before := f.results
		f.tick()
		if most := 1 + resultBytesPerTick/(seats*protocol.MaxNameBytes); f.results-before > most {
			t.Fatalf("%d results in one tick, want %d at most", f.results-before, most)
		}
		if ticks > 20*15 {
			t.Fatalf("%d of %d players have the result after 15 s", f.results, seats)
		}
	}
	f.want("all have the result", 1)
}
