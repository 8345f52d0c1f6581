package seating

import (
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
	shown text.ShownNames // of players, and of all bots where the mode has some
	begun bool            // the bots' names are in shown
	// numbered are the names of seats that have a number behind them. All others are
	// shown as asked for.
	numbered map[game.Slot]text.Shown
}

// add returns the name under which a player takes the free seat of a slot.
func (n *names) add(s *Seating, p game.Slot, asked string) string {
	if !n.begun {
		n.begun = true
		if s.mode.Fill > 0 {
			for bot := range s.seats {
				n.shown.Add(BotName(game.Slot(bot)))
			}
		}
	}
	shown := n.shown.Add(asked)
	if shown.Numbered() {
		if n.numbered == nil {
			n.numbered = map[game.Slot]text.Shown{}
		}
		n.numbered[p] = shown
	}
	return shown.Name
}

// remove frees the name of a seat.
func (n *names) remove(seat *Seat) {
	n.shown.Remove(n.of(seat))
	delete(n.numbered, seat.slot)
}

// of is the name of a seat that is not free.
func (n *names) of(seat *Seat) text.Shown {
	if shown, ok := n.numbered[seat.slot]; ok {
		return shown
	}
	return text.Shown{Name: seat.Name, Asked: seat.Name}
}

// AskedName is the name that the player of a seat asked for. Results are reported
// by it: the number behind a name is of one match only.
func (s *Seating) AskedName(p game.Slot) string { return s.names.of(s.seats[p]).Asked }
