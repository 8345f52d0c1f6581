package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// Encoder encodes clients' snapshots from a tracker. Each goroutine that encodes has
// one of its own; all of them write the same bytes. It is not safe for concurrent
// use; owned by that goroutine. The zero Encoder is ready for Reset.
type Encoder struct {
	tracker  *Tracker
	interest *interest // nil where everyone sees everything

	tick game.Tick // the snapshot that is encoded
	prev game.Tick // the one before: the baseline of differences

	rows     rowSet
	sections sectionCache
	cache    *cellCache // nil where everyone sees everything
}

// Reset prepares e to encode the snapshot that t began last. It is called once
// in each snapshot, before Encode, while t does not change.
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

// bind makes room for what depends on the size of a tracker's world.
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
	Hash    bool   // let the client check its state
	Percent uint32 // of normal clock speed, 100 for normal
}

// UpToDate reports whether v's next frame would tell him nothing but the tick. In
// worlds with interest it never does: what is far is told by turns.
func (e *Encoder) UpToDate(v *View) bool {
	t := e.tracker
	return !t.active && t.space == nil && t.equivalent(v.Baseline) && v.Event == t.events.last && v.team == v.nextTeam
}

// Encode appends v's snapshot message to dst. v was prepared since the snapshot
// began. v.Sent has to be called when it was handed over, and only then.
func (e *Encoder) Encode(dst []byte, v *View, h Header) []byte {
	baseline := v.Baseline
	if v.nextTeam != v.team {
		baseline = 0 // sees for another side now: start over
	}
	if e.interest != nil {
		if baseline != e.prev {
			baseline = 0 // what was in view then is not kept; little is in view
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

// encodeSections appends what the player sees: with everyone, with his side, alone.
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

// shared appends a section that several clients get, encoding it at most once
// per snapshot and baseline.
func (e *Encoder) shared(dst []byte, a audience, key uint32, baseline game.Tick) []byte {
	c, found := e.sections.find(a, key, baseline)
	switch {
	case c == nil:
		return e.section(dst, a, key, baseline)
	case !found:
		c.bytes = e.section(c.bytes[:0], a, key, baseline)
	}
	return append(dst, c.bytes...)
}

// section appends one audience's section against a baseline: differences when
// that is the previous snapshot, values otherwise, everything when it is 0. A
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
