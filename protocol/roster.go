package protocol

import "tactus/game"

// RosterFlags describes a seat of a match.
type RosterFlags uint8

// Flags of a roster entry.
const (
	RosterBot       RosterFlags = 1
	RosterConnected RosterFlags = 2
	RosterGone      RosterFlags = 4 // the client removes the entry
)

// RosterEntry is one seat of a match.
type RosterEntry struct {
	Slot  game.Slot
	Name  string
	Flags RosterFlags
	Team  int32 // -1 without teams
}

// Roster lists the players by seat: all seats after the welcome, later those
// that changed.
type Roster struct{ Entries []RosterEntry }

// AppendRoster appends a roster message.
func AppendRoster(dst []byte, r *Roster) []byte {
	dst = appendHead(dst, TypeRoster, 1)
	dst = AppendArray(dst, len(r.Entries))
	for i := range r.Entries {
		e := &r.Entries[i]
		dst = AppendArray(dst, 4)
		dst = AppendUint(dst, uint32(e.Slot))
		dst = appendString(dst, e.Name)
		dst = AppendUint(dst, uint32(e.Flags))
		dst = AppendInt(dst, e.Team)
	}
	return dst
}

// ParseRoster reads a roster message.
func ParseRoster(b []byte) (Roster, error) {
	r := open(b, TypeRoster, 1)
	n := r.array()
	if n > game.MaxSlots {
		r.fail(ErrTooLong)
	}
	var out Roster
	for i := 0; i < n && r.err == nil; i++ {
		extra := r.record(4)
		e := RosterEntry{Slot: r.slot(), Name: r.name(), Flags: RosterFlags(r.int(0, 255)), Team: r.int32()}
		r.skip(extra)
		out.Entries = append(out.Entries, e)
	}
	if err := r.close(); err != nil {
		return Roster{}, err
	}
	return out, nil
}

// record opens an array that has at least so many elements and returns how many
// more it has.
func (r *reader) record(elements int) int {
	n := r.array()
	if n < elements {
		r.fail(ErrMalformed)
		return 0
	}
	return n - elements
}
