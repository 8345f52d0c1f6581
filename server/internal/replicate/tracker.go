// Package replicate turns a match's tables into what each client is sent: it
// stamps what changed, encodes a tick's changes once per audience and baseline,
// and gathers each client's snapshot from shared bytes behind a small private
// header. It knows no socket and no session.
//
// Nothing in it allocates once its buffers have grown to the match's size.
package replicate

import (
	"tactus/game"
)

// Tracker knows what changed in a match's tables, and when. It is not safe for
// concurrent use; owned by the goroutine that runs the match. That goroutine calls
// CollectEvents for each tick and, in ticks with a snapshot, BeginSnapshot, Prepare
// for each client, and EndSnapshot. From Prepare on until EndSnapshot the tracker
// does not change, and encoders on other goroutines may read it.
type Tracker struct {
	tables []*tableState
	events eventLog
	teamer game.Teamer   // nil in worlds without teams
	space  *spatialIndex // nil where everyone sees everything

	tick game.Tick // of the last BeginSnapshot
	prev game.Tick // of the BeginSnapshot before: the baseline of differences

	active     bool      // something that is replicated changed in this BeginSnapshot
	lastActive game.Tick // last BeginSnapshot before this one in which something did
}

// NewTracker returns the tracker of a match that had no snapshot yet.
func NewTracker(sim *game.Simulation) *Tracker {
	t := &Tracker{}
	slots := sim.Inputs().Slots()
	for i, raw := range sim.Tables().Tables() {
		if replicated(raw.Schema()) {
			t.tables = append(t.tables, newTableState(raw, i, slots))
		}
	}
	t.teamer, _ = sim.World().(game.Teamer)
	t.space = newSpatialIndex(sim.World(), t.tables)
	t.events.init(sim.Tables().Events(), t.space)
	return t
}

// LastEvent is the seq of the newest event, 0 before the first.
func (t *Tracker) LastEvent() uint32 { return t.events.last }

// CollectEvents takes over the events of a tick; it has to be called for every
// tick, also for those without a snapshot.
func (t *Tracker) CollectEvents(tick game.Tick) { t.events.collect(tick) }

// BeginSnapshot notes what changed since the last snapshot. tick grows by at least one
// with each call.
func (t *Tracker) BeginSnapshot(tick game.Tick) {
	if t.active {
		t.lastActive = t.tick
	}
	t.prev, t.tick, t.active = t.tick, tick, false
	if t.space != nil {
		t.space.beginSnapshot(tick)
	}
	for _, table := range t.tables {
		table.stamp(tick)
		t.active = t.active || table.active()
	}
}

// Active reports whether the last BeginSnapshot found anything changed in a table that
// is replicated, be it in words that nobody sees.
func (t *Tracker) Active() bool { return t.active }

// equivalent reports whether the state at a baseline is that of the last
// snapshot, since nothing has changed in between.
func (t *Tracker) equivalent(baseline game.Tick) bool {
	return baseline != 0 && baseline >= t.lastActive
}

// SlowFar lets far cells be told half as often, or as usual again, from the next
// BeginSnapshot on.
func (t *Tracker) SlowFar(slow bool) {
	if t.space != nil {
		t.space.far.setSlow(slow)
	}
}

// EndSnapshot ends a snapshot: what was stamped becomes the base of the next.
func (t *Tracker) EndSnapshot() {
	for _, table := range t.tables {
		table.endSnapshot()
	}
}

// Prepare asks the world where v's player looks and which side he is on; before
// its snapshot is encoded.
func (t *Tracker) Prepare(v *View) {
	v.nextTeam = t.teamOf(v.Slot)
	if t.space != nil {
		if v.state == nil {
			v.state = newViewState()
		}
		v.state.viewpoint = t.space.viewer.View(v.Slot)
	}
}

func (t *Tracker) teamOf(p game.Slot) int32 {
	if t.teamer == nil {
		return -1
	}
	return t.teamer.Team(p)
}
