package match

import (
	"iter"
	"strconv"
	"sync"

	"tactus/game"
	"tactus/internal/text"
	"tactus/server/internal/session"
)

// botNames are given by slot. Roots and words of rhythm: tactus is the beat.
var botNames = [...]string{
	"Allegro", "Andante", "Bolero", "Cadenza", "Coda", "Dolce", "Fermata", "Forte",
	"Giga", "Grave", "Largo", "Legato", "Minuet", "Mosso", "Ostinato", "Presto",
	"Rondo", "Rubato", "Scherzo", "Sordino", "Staccato", "Tango", "Tempo", "Vivace",
}

// botsShown are the names of bots by slot, for comparison: what matches of this
// process needed so far.
var botsShown struct {
	sync.Mutex
	list []text.Shown
}

// botsOf returns the names of the bots in the first n slots.
func botsOf(n int) []text.Shown {
	botsShown.Lock()
	defer botsShown.Unlock()
	for p := len(botsShown.list); p < n; p++ {
		botsShown.list = append(botsShown.list, text.Distinct(botName(game.Slot(p)), func(func(text.Shown) bool) {}))
	}
	return botsShown.list[:n]
}

// botName names the bot of a slot: no two bots of a match have the same name.
func botName(p game.Slot) string {
	name := botNames[int(p)%len(botNames)]
	if n := int(p) / len(botNames); n > 0 {
		name += " " + strconv.Itoa(n+1)
	}
	return name
}

// nameSeat returns the name under which a player takes a free seat. It looks like
// nobody else's in the match, nor like that of a bot that may join.
func (m *Match) nameSeat(s *session.Seat, asked string) string {
	if m.shown == nil {
		m.shown = make([]text.Shown, len(m.seats))
	}
	m.shown[s.Slot()] = text.Distinct(asked, m.othersShown(s))
	return m.shown[s.Slot()].Name
}

func (m *Match) othersShown(own *session.Seat) iter.Seq[text.Shown] {
	return func(yield func(text.Shown) bool) {
		for p, s := range m.seats {
			if s != own && s.State != session.Free && !yield(m.shown[p]) {
				return
			}
		}
		if m.cfg.Match.Mode.Fill == 0 {
			return
		}
		for _, bot := range botsOf(len(m.seats)) {
			if !yield(bot) {
				return
			}
		}
	}
}

// askedName is the name that the player of a seat asked for. It is what results
// are reported by: the number behind a name is of one match only.
func (m *Match) askedName(s *session.Seat) string { return m.shown[s.Slot()].Asked }
