package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// eventLog keeps the newest events of a match, encoded, for clients that are
// behind: those that skip ticks and those that come back.
type eventLog struct {
	tables  []eventTable
	entries []event
	last    uint32 // seq of the newest, 0 before the first
	words   []uint32
}

// maxEvents bounds what is kept: about half a minute of a busy match.
const maxEvents = 1024

// maxEventsPerFrame bounds the backlog one frame carries; the rest follows with
// the next frames.
const maxEventsPerFrame = 256

// event is one encoded event, once for each level of viewer that it differs for.
type event struct {
	slot   uint32
	side   int32
	levels [3][]byte // by Public, Team, Owner; empty: the same as the level below
}

type eventTable struct {
	raw      *game.RawTable
	vis      game.Visibility
	slotWord int
	sideWord int
	levels   []game.Visibility
	has      [3]bool // visibilities that occur
}

func (l *eventLog) init(tables []*game.RawTable) {
	for _, raw := range tables {
		sc := raw.Schema()
		t := eventTable{raw: raw, slotWord: -1, sideWord: -1, vis: game.Server, levels: make([]game.Visibility, sc.Stride)}
		for _, f := range sc.Fields {
			t.vis = min(t.vis, f.Vis)
			if f.Vis != game.Server {
				t.has[f.Vis] = true
			}
			for w := f.Offset; w < f.Offset+f.Words; w++ {
				t.levels[w] = f.Vis
			}
		}
		if sc.Slot >= 0 {
			t.slotWord = sc.Fields[sc.Slot].Offset
		}
		if sc.Side >= 0 {
			t.sideWord = sc.Fields[sc.Side].Offset
		}
		l.tables = append(l.tables, t)
	}
	if len(tables) > 0 {
		l.entries = make([]event, maxEvents)
	}
}

func (l *eventLog) collect(tick game.Tick) {
	for i := range l.tables {
		t := &l.tables[i]
		if t.vis == game.Server {
			continue
		}
		for r := range t.raw.High() {
			l.add(uint32(tick), i, t, t.raw.Row(r))
		}
	}
}

func (l *eventLog) add(tick uint32, table int, t *eventTable, row []uint32) {
	l.last++
	e := &l.entries[l.last%maxEvents]
	e.slot, e.side = uint32(game.NoSlot), -1
	if t.slotWord >= 0 {
		e.slot = row[t.slotWord]
	}
	if t.sideWord >= 0 {
		e.side = int32(row[t.sideWord])
	}
	for level := range e.levels {
		e.levels[level] = e.levels[level][:0]
		if t.has[level] {
			words := l.masked(row, t.levels, game.Visibility(level))
			e.levels[level] = protocol.AppendEvent(e.levels[level], l.last, tick, table, words)
		}
	}
}

// masked returns the row's words with 0 for those above the viewer's level,
// valid until the next call.
func (l *eventLog) masked(row []uint32, levels []game.Visibility, level game.Visibility) []uint32 {
	l.words = l.words[:0]
	for w, word := range row {
		if levels[w] > level {
			word = 0
		}
		l.words = append(l.words, word)
	}
	return l.words
}

// bytesFor returns what of the event a player gets, nil for nothing. Its owner
// sees what his side sees too.
func (e *event) bytesFor(p game.Slot, side int32) []byte {
	level := game.Public
	switch {
	case e.slot == uint32(p):
		level = game.Owner
	case side >= 0 && e.side == side:
		level = game.Team
	}
	for ; ; level-- {
		if len(e.levels[level]) > 0 {
			return e.levels[level]
		}
		if level == game.Public {
			return nil
		}
	}
}

// append adds the events element: those after seq that the player may see, as
// many as fit a frame. It returns the seq up to which the player is told then.
func (l *eventLog) append(dst []byte, seq uint32, p game.Slot, side int32) ([]byte, uint32) {
	first := seq + 1
	if l.last >= maxEvents && first <= l.last-maxEvents {
		first = l.last - maxEvents + 1
	}
	n, upTo := 0, seq
	for s := first; s <= l.last && n < maxEventsPerFrame; s++ {
		if l.entries[s%maxEvents].bytesFor(p, side) != nil {
			n++
		}
		upTo = s
	}
	if n == 0 {
		return protocol.AppendNil(dst), upTo
	}
	dst = protocol.AppendArray(dst, n)
	for s := first; s <= upTo; s++ {
		dst = append(dst, l.entries[s%maxEvents].bytesFor(p, side)...)
	}
	return dst, upTo
}
