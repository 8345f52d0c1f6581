package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// Encoder writes clients' snapshots. Each goroutine that encodes has its own;
// all encoders of a tracker produce the same bytes.
//
// The zero Encoder is ready for Reset. Not safe for concurrent use; owned by
// the goroutine that encodes with it.
type Encoder struct {
	tracker  *Tracker
	interest *interest // nil in worlds without interest

	tick game.Tick // snapshot that is encoded
	prev game.Tick // snapshot before; the baseline of differences

	rows     rowSet
	sections sectionCache
	cache    *cellCache // nil in worlds without interest
}

// Reset prepares e for the snapshot that t has begun. It is called once in each
// snapshot, before Encode; further calls in the same snapshot do nothing. An
// encoder that changes to another tracker allocates memory if that world has
// interest.
func (e *Encoder) Reset(t *Tracker) {
	if e.tracker == t && e.tick == t.tick {
		return
	}
	if e.tracker != t {
		e.bind(t)
	}
	e.tick, e.prev = t.tick, t.prev
	e.sections.clear()
	if e.cache != nil {
		e.cache.clear()
	}
}

// bind allocates what depends on the size of t's world.
func (e *Encoder) bind(t *Tracker) {
	e.tracker, e.interest, e.cache = t, nil, nil
	if t.space != nil {
		e.interest, e.cache = newInterest(t.space), newCellCache(t.space.grid)
	}
}

// Header is the private part of a client's snapshot.
type Header struct {
	Ack     uint32
	Slack   int32
	Hash    bool   // includes a hash for the client to check its state
	Percent uint32 // of normal clock speed, 100 for normal
}

// UpToDate reports whether v's next snapshot would contain nothing but the
// tick. In worlds with interest it always returns false: far cells are sent in
// turns.
func (e *Encoder) UpToDate(v *View) bool {
	t := e.tracker
	return !t.active && t.space == nil && t.equivalent(v.Baseline) && v.Event == t.events.last && v.team == v.nextTeam
}

// Encode appends v's snapshot to dst. Tracker.Prepare was called for v in this
// snapshot. If the snapshot is sent, the caller calls v.Sent; otherwise the
// next one has the same baseline.
func (e *Encoder) Encode(dst []byte, v *View, h Header) []byte {
	baseline := v.Baseline
	if v.nextTeam != v.team {
		baseline = 0 // the player changed teams
	}
	if e.interest != nil {
		if baseline != e.prev {
			baseline = 0 // what was visible then is not kept, and a view is small
		}
		e.interest.update(v, baseline == 0)
	} else if e.tracker.equivalent(baseline) {
		baseline = e.prev
	}
	head := e.header(v, baseline, h)
	dst = protocol.AppendSnapshotHeader(dst, head)
	dst = e.encodeSections(dst, v, baseline, h.Hash)
	dst, v.nextEvent = e.tracker.events.append(dst, v, e.interest)
	var hash uint32
	if h.Hash {
		hash = e.visibleHash(v.Slot, v.nextTeam)
	}
	return protocol.AppendSnapshotTail(dst, hash, h.Percent, head.Flags)
}

func (e *Encoder) header(v *View, baseline game.Tick, h Header) protocol.SnapshotHeader {
	head := protocol.SnapshotHeader{Tick: uint32(e.tick), Ack: h.Ack, Slack: h.Slack}
	switch baseline {
	case 0:
		head.Flags |= protocol.FlagKeyframe
	case e.prev:
		head.Flags |= protocol.FlagDiff
	}
	if baseline != 0 {
		head.Gap = uint32(e.tick - v.Baseline)
	}
	if h.Hash {
		head.Flags |= protocol.FlagHash
	}
	if h.Percent != 100 {
		head.Flags |= protocol.FlagDilated
	}
	return head
}

// encodeSections appends the public section, the team's section and the
// player's own.
func (e *Encoder) encodeSections(dst []byte, v *View, baseline game.Tick, hash bool) []byte {
	if e.interest != nil {
		dst = e.publicCells(dst, v, baseline, hash)
	} else {
		dst = e.shared(dst, public, 0, baseline)
	}
	switch {
	case v.nextTeam < 0:
		dst = protocol.AppendNil(dst)
	case e.interest != nil:
		dst = e.section(dst, team, uint32(v.nextTeam), baseline)
	default:
		dst = e.shared(dst, team, uint32(v.nextTeam), baseline)
	}
	return e.section(dst, owner, uint32(v.Slot), baseline)
}

// shared appends a section that several clients receive. It is encoded once per
// snapshot and baseline.
func (e *Encoder) shared(dst []byte, a audience, key uint32, baseline game.Tick) []byte {
	if c := e.sections.find(a, key, baseline); c != nil {
		return append(dst, c.bytes...)
	}
	c := e.sections.add(a, key, baseline)
	if c == nil {
		return e.section(dst, a, key, baseline)
	}
	c.bytes = e.section(c.bytes[:0], a, key, baseline)
	return append(dst, c.bytes...)
}

// section appends the section of one audience: differences if baseline is the
// previous snapshot, values if it is an older one, and everything if it is 0. A
// section without blocks is nil.
func (e *Encoder) section(dst []byte, a audience, key uint32, baseline game.Tick) []byte {
	start := len(dst)
	dst = protocol.BeginSection(dst)
	in := interval{from: baseline, to: e.tick, diff: baseline != 0 && baseline == e.prev}
	w := writer{buf: dst, tick: e.tick, diff: in.diff}
	for _, t := range e.tracker.tables {
		if len(t.columns[a]) == 0 {
			continue
		}
		if t.placed != nil && a != public {
			e.privateCells(&w, t, a, key, in)
			continue
		}
		e.rows.collect(t, a, key, in)
		w.block(t, a, &e.rows)
	}
	if w.count == 0 {
		return protocol.AppendNil(dst[:start])
	}
	return protocol.EndSection(w.buf, start, w.count)
}
