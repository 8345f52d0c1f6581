// Package replicate turns a match's tables into what each client is sent: it
// stamps what changed, encodes a tick's changes once per audience and baseline,
// and gathers each client's snapshot from shared bytes behind a small private
// header. It knows no socket and no session.
//
// Nothing in it allocates once its buffers have grown to the match's size.
package replicate

import (
	"tactus/game"
	"tactus/protocol"
)

// Engine replicates one match. The goroutine that owns the match calls BeginSnapshot,
// then Frame for each client, then EndSnapshot. In between, other goroutines may make
// frames by twins, of views that the owner has prepared: only Prepare asks the
// world.
type Engine struct {
	tables   []*tableState
	events   *eventLog
	teamer   game.Teamer
	interest *interest // nil where everyone sees everything
	slots    int

	tick game.Tick // of the last BeginSnapshot
	prev game.Tick // of the BeginSnapshot before: the baseline of differences

	active     bool      // something that is replicated changed in this BeginSnapshot
	lastActive game.Tick // last BeginSnapshot before this one in which something did

	sections     []cachedSection
	sectionsUsed int // entries of cache that belong to this tick
	removed      []int32
	born         []int32
	rows         []int32
	masks        []uint32
	groups       []uint32
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

// New makes the engine of a match that has not been stamped yet.
func New(sim *game.Simulation) *Engine {
	e := &Engine{events: &eventLog{}, slots: sim.Inputs().Slots()}
	for i, raw := range sim.Tables().Tables() {
		if replicated(raw.Schema()) {
			e.tables = append(e.tables, newTableState(raw, i, e.slots))
		}
	}
	e.teamer, _ = sim.World().(game.Teamer)
	e.interest = newInterest(sim.World(), e.tables)
	e.events.init(sim.Tables().Events(), e.interest)
	return e
}

// Twin makes an engine for another goroutine: memory of its own, over e's state.
// Once it follows e, it gathers what e would, until e settles.
func (e *Engine) Twin() *Engine {
	t := &Engine{tables: e.tables, events: e.events, slots: e.slots}
	if e.interest != nil {
		t.interest = e.interest.twin()
	}
	return t
}

// Follow brings a twin to e's last BeginSnapshot.
func (e *Engine) Follow(of *Engine) {
	e.tick, e.prev, e.sectionsUsed = of.tick, of.prev, 0
	e.active, e.lastActive = of.active, of.lastActive
	if e.interest != nil {
		e.interest.follow(of.interest)
	}
}

// View is what the engine remembers of one client.
type View struct {
	Slot     game.Slot
	Baseline game.Tick // last snapshot that was sent; 0: a keyframe is due
	Event    uint32    // newest event seq that was sent

	team      int32
	nextTeam  int32
	nextEvent uint32

	state *viewState // in worlds with interest
}

// viewState is where a player looks.
type viewState struct {
	viewpoint game.View  // now
	words     []viewWord // of the last snapshot
	next      []viewWord
	inPlace   [2][wordsInPlace]viewWord // for both, in the same piece of memory while it is enough
}

// wordsInPlace is more words of cells than players mostly have in view: one for
// each row.
const wordsInPlace = 10

func newViewState() *viewState {
	v := &viewState{}
	v.words, v.next = v.inPlace[0][:0], v.inPlace[1][:0]
	return v
}

// Sent notes that the client's last Frame is on its way.
func (v *View) Sent(tick game.Tick) {
	v.Baseline, v.Event, v.team = tick, v.nextEvent, v.nextTeam
	if s := v.state; s != nil {
		s.words, s.next = s.next, s.words
	}
}

// LastEvent is the seq of the newest event, 0 before the first.
func (e *Engine) LastEvent() uint32 { return e.events.last }

// CollectEvents takes over the events of a tick; it has to be called for every
// tick, also for those without a snapshot.
func (e *Engine) CollectEvents(tick game.Tick) { e.events.collect(tick) }

// BeginSnapshot notes what changed since the last snapshot. tick grows by at least one
// with each call.
func (e *Engine) BeginSnapshot(tick game.Tick) {
	if e.active {
		e.lastActive = e.tick
	}
	e.prev, e.tick, e.sectionsUsed, e.active = e.tick, tick, 0, false
	e.interest.begin()
	for _, t := range e.tables {
		t.stamp(tick)
		e.active = e.active || len(t.dirty)+len(t.bornNow)+len(t.diedNow) > 0
	}
	if e.interest != nil {
		e.interest.stamp(tick)
	}
}

// Active reports whether the last BeginSnapshot found anything changed in a table that
// is replicated, be it in words that nobody sees.
func (e *Engine) Active() bool { return e.active }

// UpToDate reports whether v's next frame would tell him nothing but the tick. In
// worlds with interest it never does: what is far is told by turns.
func (e *Engine) UpToDate(v *View) bool {
	return !e.active && e.interest == nil && e.equivalent(v.Baseline) && v.Event == e.events.last && v.team == v.nextTeam
}

// equivalent reports whether the state at a baseline is that of the last
// snapshot, since nothing has changed in between.
func (e *Engine) equivalent(baseline game.Tick) bool {
	return baseline != 0 && baseline >= e.lastActive
}

// SlowFar lets far cells be told half as often, or as usual again, from the next
// BeginSnapshot on.
func (e *Engine) SlowFar(slow bool) {
	if e.interest != nil {
		e.interest.setFarSlow(slow)
	}
}

// EndSnapshot ends a snapshot: what was stamped becomes the base of the next.
func (e *Engine) EndSnapshot() {
	for _, t := range e.tables {
		t.endSnapshot()
	}
}

// Header is the private part of a client's snapshot.
type Header struct {
	Ack     uint32
	Slack   int32
	Hash    bool   // let the client check its state
	Percent uint32 // of normal clock speed, 100 for normal
}

// Prepare asks the world where v's player looks and which side he is on; for
// the owner's engine only.
func (e *Engine) Prepare(v *View) {
	v.nextTeam = e.teamOf(v.Slot)
	if e.interest != nil {
		if v.state == nil {
			v.state = newViewState()
		}
		v.state.viewpoint = e.interest.viewer.View(v.Slot)
	}
}

// Frame appends v's snapshot message of the last stamped tick to dst. v.Sent
// has to be called when it was handed over, and only then.
func (e *Engine) Frame(dst []byte, v *View, h Header) []byte {
	e.Prepare(v)
	return e.Encode(dst, v, h)
}

// Encode is Frame for a view that was prepared since the last BeginSnapshot: what twins
// do.
func (e *Engine) Encode(dst []byte, v *View, h Header) []byte {
	baseline := v.Baseline
	if v.nextTeam != v.team {
		baseline = 0 // sees for another side now: start over
	}
	if e.interest != nil {
		if baseline != e.prev {
			baseline = 0 // what was in view then is not kept; little is in view
		}
		e.interest.update(v, baseline == 0)
	} else if e.equivalent(baseline) {
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
	dst, v.nextEvent = e.events.append(dst, v, e.interest)
	var hash uint32
	if h.Hash {
		hash = e.visibleHash(v.Slot, v.nextTeam)
	}
	return protocol.AppendSnapshotTail(dst, hash, h.Percent, head.Flags)
}

// appendSections appends what the player sees: with everyone, with his side, alone.
func (e *Engine) appendSections(dst []byte, v *View, baseline game.Tick, hash bool) []byte {
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

func (e *Engine) teamOf(p game.Slot) int32 {
	if e.teamer == nil {
		return -1
	}
	return e.teamer.Team(p)
}

// shared appends a section that several clients get, encoding it at most once
// per tick and baseline.
func (e *Engine) shared(dst []byte, a audience, key uint32, baseline game.Tick) []byte {
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

// visibleHash is the hash of what the player sees after the last stamped tick,
// as docs/protocol.md section 6 defines it. In worlds with interest it is good
// only for the player whose frame is being made.
func (e *Engine) visibleHash(p game.Slot, side int32) uint32 {
	h := game.NewHash()
	for _, t := range e.tables {
		for i := range t.raw.High() {
			if t.raw.Alive(i) && (t.placed == nil || e.interest.isVisible(t.placed.cell[i])) {
				t.hashRow(&h, i, uint32(p), side)
			}
		}
	}
	return h.Sum32()
}

func (t *tableState) hashRow(h *game.Hash, i int, p uint32, side int32) {
	row := t.raw.Row(i)
	own := t.slotWord >= 0 && row[t.slotWord] == p
	mate := side >= 0 && t.sideWord >= 0 && int32(row[t.sideWord]) == side
	if t.rowAudience == owner && !own || t.rowAudience == team && !mate {
		return
	}
	h.Word(uint32(t.index))
	h.Word(uint32(game.MakeEntity(i, t.raw.Generation(i))))
	for w, l := range t.wordLevel {
		switch {
		case l.vis == game.Public && (own || l.quant == 0):
			h.Word(row[w])
		case l.vis == game.Public:
			h.Word(row[w] >> l.quant << l.quant)
		case l.vis == game.Team && mate, l.vis == game.Owner && own:
			h.Word(row[w])
		default:
			h.Word(0)
		}
	}
}
