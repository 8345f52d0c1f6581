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

	sections     []cachedSection
	sectionsUsed int // entries of sections that belong to this snapshot
	removed      []int32
	born         []int32
	rows         []int32
	masks        []uint32
	groups       []uint32
}

// Reset prepares e to encode the snapshot that t began last. It is called once
// in each snapshot, before Encode, while t does not change.
func (e *Encoder) Reset(t *Tracker) {
	if e.tracker == t && e.tick == t.tick {
		return
	}
	if e.tracker != t {
		e.tracker, e.interest = t, newInterest(t.space)
	}
	e.tick, e.prev, e.sectionsUsed = t.tick, t.prev, 0
	if e.interest != nil {
		e.interest.cache.clear()
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
	dst = protocol.AppendSnapshotHeader(dst, head)
	dst = e.appendSections(dst, v, baseline, h.Hash)
	dst, v.nextEvent = e.tracker.events.append(dst, v, e.interest)
	var hash uint32
	if h.Hash {
		hash = e.visibleHash(v.Slot, v.nextTeam)
	}
	return protocol.AppendSnapshotTail(dst, hash, h.Percent, head.Flags)
}

// appendSections appends what the player sees: with everyone, with his side, alone.
func (e *Encoder) appendSections(dst []byte, v *View, baseline game.Tick, hash bool) []byte {
	if e.interest != nil {
		dst = e.publicByCells(dst, v, baseline, hash)
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
// per tick and baseline.
func (e *Encoder) shared(dst []byte, a audience, key uint32, baseline game.Tick) []byte {
	for i := range e.sections[:e.sectionsUsed] {
		c := &e.sections[i]
		if c.audience == a && c.key == key && c.baseline == baseline {
			return append(dst, c.bytes...)
		}
	}
	if e.sectionsUsed == maxCachedSections {
		return e.section(dst, a, key, baseline)
	}
	if e.sectionsUsed == len(e.sections) {
		e.sections = append(e.sections, cachedSection{})
	}
	c := &e.sections[e.sectionsUsed]
	e.sectionsUsed++
	c.audience, c.key, c.baseline = a, key, baseline
	c.bytes = e.section(c.bytes[:0], a, key, baseline)
	return append(dst, c.bytes...)
}

// cachedSection is one encoded section of this tick.
type cachedSection struct {
	audience audience
	key      uint32
	baseline game.Tick
	bytes    []byte
}

// maxCachedSections bounds the sections kept per tick; clients with rarer baselines are
// encoded one by one.
const maxCachedSections = 64
