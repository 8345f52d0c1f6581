package replicate

import (
	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// eventLog keeps the newest events of a match, encoded, for clients that are
// behind: those that skip ticks and those that come back. Its memory grows by
// chunks as events come, so that a quiet match owns hardly any, and is used
// again in turn from then on.
type eventLog struct {
	tables []eventTable
	chunks []*eventChunk
	last   uint32 // seq of the newest, 0 before the first
	words  []uint32

	grid  *grid   // nil where everyone sees everything
	cells []int32 // of the events that are kept, where there is a grid: see event
}

const (
	chunkEvents = 64
	maxChunks   = 16
	// maxEvents is what is kept at most, about half a minute of a busy match;
	// up to a chunk less when the oldest one has just been taken for new events.
	maxEvents = chunkEvents * maxChunks
	// maxEventsPerFrame bounds the backlog one frame carries; the rest follows
	// with the next frames.
	maxEventsPerSnapshot = 256
)

type eventChunk struct {
	data   []byte
	events [chunkEvents]event
}

// event is one encoded event, once for each level of viewer that it differs
// for: bytes ends[level-1] to ends[level] of the chunk's data.
type event struct {
	slot  uint32
	side  int32
	start uint32
	ends  [3]uint32 // by Public, Team, Owner; an empty run: the same as the level below
}

type eventTable struct {
	raw      *game.RawTable
	vis      game.Visibility
	slotWord int
	sideWord int
	posWord  int
	levels   []game.Visibility
	has      [3]bool // visibilities that occur
}

func (l *eventLog) init(tables []*game.RawTable, space *spatialIndex) {
	if space != nil {
		l.grid = space.grid
		l.cells = make([]int32, maxEvents)
	}
	for _, raw := range tables {
		sc := raw.Schema()
		t := eventTable{raw: raw, slotWord: -1, sideWord: -1, posWord: -1, vis: game.Server, levels: make([]game.Visibility, sc.Stride)}
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
		if sc.Pos >= 0 && space != nil {
			t.posWord = sc.Fields[sc.Pos].Offset
		}
		l.tables = append(l.tables, t)
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
	c, e := l.at(l.last)
	if (l.last-1)%chunkEvents == 0 {
		c.data = c.data[:0]
	}
	e.slot, e.side, e.start = uint32(game.NoSlot), -1, uint32(len(c.data))
	if l.grid != nil {
		l.cells[(l.last-1)%maxEvents] = l.cellOf(t, row)
	}
	if t.slotWord >= 0 {
		e.slot = row[t.slotWord]
	}
	if t.sideWord >= 0 {
		e.side = int32(row[t.sideWord])
	}
	for level := range e.ends {
		if t.has[level] {
			words := l.masked(row, t.levels, game.Visibility(level))
			c.data = protocol.AppendEvent(c.data, l.last, tick, table, words)
		}
		e.ends[level] = uint32(len(c.data))
	}
}

// cellOf returns where an event happened, noCell for everywhere.
func (l *eventLog) cellOf(t *eventTable, row []uint32) int32 {
	if t.posWord < 0 {
		return noCell
	}
	return l.grid.at(fixed.Vec{X: fixed.Num(row[t.posWord]), Y: fixed.Num(row[t.posWord+1])})
}

// at returns the place of an event and its chunk, which is made when it is new.
func (l *eventLog) at(seq uint32) (*eventChunk, *event) {
	i := int((seq - 1) % maxEvents)
	if i/chunkEvents == len(l.chunks) {
		l.chunks = append(l.chunks, &eventChunk{})
	}
	c := l.chunks[i/chunkEvents]
	return c, &c.events[i%chunkEvents]
}

// oldest is the seq of the oldest event that is kept.
func (l *eventLog) oldest() uint32 {
	newest := (l.last - 1) / chunkEvents // chunk that is being filled, ever counted
	if l.last == 0 || newest < maxChunks {
		return 1
	}
	return (newest-maxChunks+1)*chunkEvents + 1
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

// bytesFor returns what of an event a player gets, nil for nothing. Its owner
// sees what his side sees too.
func (l *eventLog) bytesFor(seq uint32, v *View) []byte {
	c, e := l.at(seq)
	level := int(game.Public)
	switch {
	case e.slot == uint32(v.Slot):
		level = int(game.Owner)
	case v.nextTeam >= 0 && e.side == v.nextTeam:
		level = int(game.Team)
	}
	for ; level >= 0; level-- {
		from := e.start
		if level > 0 {
			from = e.ends[level-1]
		}
		if e.ends[level] > from {
			return c.data[from:e.ends[level]]
		}
	}
	return nil
}

// append adds the events element: those after the player's last that he may see,
// as many as fit a frame. It returns the seq up to which he is told then.
func (l *eventLog) append(dst []byte, v *View, x *interest) ([]byte, uint32) {
	first := max(v.Event+1, l.oldest())
	start := len(dst)
	dst = protocol.BeginSection(dst)
	n, s := 0, first
	for ; s <= l.last && n < maxEventsPerSnapshot; s++ {
		// Most did not happen where he looks: their cells lie next to each other for
		// this alone.
		if x != nil {
			if cell := l.cells[(s-1)%maxEvents]; cell != noCell && !x.now.all.has(cell) {
				continue
			}
		}
		if b := l.bytesFor(s, v); b != nil {
			dst = append(dst, b...)
			n++
		}
	}
	return protocol.EndSection(dst, start, n), s - 1
}
