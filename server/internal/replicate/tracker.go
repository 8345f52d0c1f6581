package replicate

import (
	"tactus/game"
)

// Tracker records what changed in a match's tables, and when. Each tick its
// owner calls CollectEvents. A snapshot is BeginSnapshot, then Prepare for each
// client, then EndSnapshot.
//
// Not safe for concurrent use; owned by the goroutine that runs the match.
// Between Prepare and EndSnapshot it does not change, and encoders on other
// goroutines read it.
type Tracker struct {
	tables []*tableState
	events eventLog
	teamer game.Teamer   // nil in worlds without teams
	space  *spatialIndex // nil in worlds without interest

	tick game.Tick // of the last snapshot
	prev game.Tick // of the snapshot before; the baseline of differences

	active bool // the last BeginSnapshot found a change
	// lastActive is the tick of the last snapshot before it that had a change.
	lastActive game.Tick
}

// NewTracker returns the tracker of a match that has had no snapshot yet.
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

// LastEvent returns the seq of the newest event, or 0 before the first.
func (t *Tracker) LastEvent() uint32 { return t.events.last }

// CollectEvents copies the events of a tick. It is called for every tick, with
// a snapshot or without.
func (t *Tracker) CollectEvents(tick game.Tick) { t.events.collect(tick) }

// BeginSnapshot stamps what changed since the last snapshot. tick grows with
// each call.
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

// Active reports whether BeginSnapshot found any change in a replicated table,
// including fields that no client sees.
func (t *Tracker) Active() bool { return t.active }

// equivalent reports whether the state at a baseline is also that of the last
// snapshot, because nothing has changed since.
func (t *Tracker) equivalent(baseline game.Tick) bool {
	return baseline != 0 && baseline >= t.lastActive
}

// SlowFar sets whether far cells are sent half as often, from the next
// BeginSnapshot on.
func (t *Tracker) SlowFar(slow bool) {
	if t.space != nil {
		t.space.far.setSlow(slow)
	}
}

// EndSnapshot ends a snapshot, after the last encoder: the next differences are
// to this state.
func (t *Tracker) EndSnapshot() {
	for _, table := range t.tables {
		table.endSnapshot()
	}
}

// Prepare asks the world for the team and the view of v's player. It is called
// before v is encoded, in each snapshot.
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
