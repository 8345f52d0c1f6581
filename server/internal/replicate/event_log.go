package replicate

import (
	"tactus/game"
	"tactus/game/fixed"
	"tactus/protocol"
)

// eventLog keeps a match's newest events, encoded, for clients that skip
// snapshots or reconnect. It grows by chunks, so that a quiet match needs
// little memory; a full log reuses its oldest chunk. Written by the goroutine
// that runs the match; encoders read it during a snapshot.
type eventLog struct {
	tables []eventTable
	chunks []*eventChunk
	last   uint32 // seq of the newest; 0 before the first
	words  []uint32

	grid  *grid   // nil in worlds without interest
	cells []int32 // of the kept events, if there is a grid
}

const (
	chunkEvents = 64
	maxChunks   = 16
	// maxEvents bounds the events that are kept: about 30 seconds of a busy match.
	// When the oldest chunk has just been reused, there are up to a chunk fewer.
	maxEvents = chunkEvents * maxChunks
	// maxEventsPerSnapshot bounds the events in a snapshot. The rest follows in the
	// next ones.
	maxEventsPerSnapshot = 256
)

type eventChunk struct {
	data   []byte
	events [chunkEvents]event
}

// event is one encoded event, once for each level of visibility at which it
// differs. Level i is ends[i-1] to ends[i] of the chunk's data.
type event struct {
	slot  uint32
	side  int32
	start uint32
	ends  [3]uint32 // by Public, Team, Owner; an empty run is the same as the level below
}

type eventTable struct {
	raw      *game.RawTable
	vis      game.Visibility
	slotWord int
	sideWord int
	posWord  int
	levels   []game.Visibility
	has      [3]bool // levels that occur
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

// cellOf returns the cell in which an event happened, or noCell if it has no
// position.
func (l *eventLog) cellOf(t *eventTable, row []uint32) int32 {
	if t.posWord < 0 {
		return noCell
	}
	return l.grid.at(fixed.Vec{X: fixed.Num(row[t.posWord]), Y: fixed.Num(row[t.posWord+1])})
}

// at returns the entry of an event and its chunk, which it allocates if it is
// new.
func (l *eventLog) at(seq uint32) (*eventChunk, *event) {
	i := int((seq - 1) % maxEvents)
	if i/chunkEvents == len(l.chunks) {
		l.chunks = append(l.chunks, &eventChunk{})
	}
	c := l.chunks[i/chunkEvents]
	return c, &c.events[i%chunkEvents]
}

// oldest returns the seq of the oldest event that is kept.
func (l *eventLog) oldest() uint32 {
	newest := (l.last - 1) / chunkEvents // chunk that is being filled, counted from the first ever
	if l.last == 0 || newest < maxChunks {
		return 1
	}
	return (newest-maxChunks+1)*chunkEvents + 1
}

// masked returns a copy of the row in which words above the viewer's level are
// 0. It is valid until the next call.
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

// bytesFor returns the bytes of an event that v's player may see, or nil. An
// event's owner also sees what the team sees.
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

// append appends the events element of a snapshot: the visible events after
// v.Event, up to maxEventsPerSnapshot. It returns the seq of the last event it
// considered.
func (l *eventLog) append(dst []byte, v *View, x *interest) ([]byte, uint32) {
	first := max(v.Event+1, l.oldest())
	start := len(dst)
	dst = protocol.BeginSection(dst)
	var visible cells
	if x != nil {
		visible = x.now.all
	}
	n, s := 0, first
	for ; s <= l.last && n < maxEventsPerSnapshot; s++ {
		// Most events happened out of view. Their cells are kept apart from them to make
		// this check cheap.
		if visible != nil {
			if cell := l.cells[(s-1)%maxEvents]; cell != noCell && !visible.has(cell) {
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
