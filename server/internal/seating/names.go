package seating

import (
	"iter"
	"strconv"

	"tactus/game"
	"tactus/internal/text"
)

// botNames are given by slot. Roots and words of rhythm: tactus is the beat.
var botNames = [...]string{
	"Allegro", "Andante", "Bolero", "Cadenza", "Coda", "Dolce", "Fermata", "Forte",
	"Giga", "Grave", "Largo", "Legato", "Minuet", "Mosso", "Ostinato", "Presto",
	"Rondo", "Rubato", "Scherzo", "Sordino", "Staccato", "Tango", "Tempo", "Vivace",
}

// BotName is the name of the bot of a slot: no two bots of a match have the same.
func BotName(p game.Slot) string {
	name := botNames[int(p)%len(botNames)]
	if n := int(p) / len(botNames); n > 0 {
		name += " " + strconv.Itoa(n+1)
	}
	return name
}

// names are the names under which players sit. None looks like that of another
// player, nor like that of a bot that may join.
type names struct {
	bySlot []text.Shown // of seats that are not free; nil until the first
	bots   []text.Shown // of all slots, where the mode has bots
}

// add returns the name under which a player takes the free seat of a slot.
func (n *names) add(s *Seating, p game.Slot, asked string) string {
	if n.bySlot == nil {
		n.bySlot = make([]text.Shown, len(s.seats))
		for bot := 0; s.mode.Fill > 0 && bot < len(s.seats); bot++ {
			n.bots = append(n.bots, text.Distinct(BotName(game.Slot(bot)), func(func(text.Shown) bool) {}))
		}
	}
	n.bySlot[p] = text.Distinct(asked, n.all())
	return n.bySlot[p].Name
}

func (n *names) all() iter.Seq[text.Shown] {
	return func(yield func(text.Shown) bool) {
		for _, list := range [][]text.Shown{n.bySlot, n.bots} {
			for _, s := range list {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// remove frees the name of a seat.
func (n *names) remove(p game.Slot) { n.bySlot[p] = text.Shown{} }

// AskedName is the name that the player of a seat asked for. Results are reported
// by it: the number behind a name is of one match only.
func (s *Seating) AskedName(p game.Slot) string { return s.names.bySlot[p].Asked }
