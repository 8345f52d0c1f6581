// Package rehearsal plays a recorded or generated stream of searches against rules, in
// virtual time, and reports what players would have got.
//
// [Run] reads the recordings and rules of a [Config] and runs a simulation for each set
// of rules: one queue, without a network or other processes. The result of each is a
// row of the [Report]. The same configuration gives the same figures on every machine,
// except for the time of a cycle.
package rehearsal

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/rehearsal/draw"
	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// scenario is all that a simulation needs except the rules.
type scenario struct {
	searches []recording.Search // by begin
	servers  []Capacity
	cycle    time.Duration
	length   draw.Distribution // of matches, ns
	seed     uint64
	// stopwatch times the cycles. The simulated time does not depend on it.
	stopwatch func() time.Time
}

// pause is the time between two cycles of a queue in which nothing happens, since rules
// relax with time. It is that of the live queue.
const pause = 100 * time.Millisecond

// simulation is one queue in virtual time, counted from the first search. It is not
// safe for concurrent use.
type simulation struct {
	scenario
	rules   *rules.Queue
	propose matchfunc.Func
	custom  bool // propose is the game's own, so that its proposals are checked

	start   time.Time
	now     time.Duration
	arrived int // of searches
	events  events
	made    int           // events, in all
	cycleAt time.Duration // never: no cycle is due
	waiting []*search     // oldest first, with ended ones until the next cycle
	// active counts the searches in waiting that have not ended.
	active int
	groups []*matchfunc.Group
	places *places
	random *rand.Rand
	tally  *tally
}

// search is a search that waits, or did until it ended.
type search struct {
	group *matchfunc.Group
	begun time.Duration
	ended bool
}

const never = time.Duration(1<<63 - 1)

// event is a future event: a search ends without a match, or a match ends.
type event struct {
	at     time.Duration
	order  int // of creation, so that equal times have one order
	search *search
	reason ending // of the search
	place  int    // of a match; search is nil
}

// events is a heap with the next event first.
type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}

// simulate runs a simulation of the rules. A fault of a custom function ends it, as
// does ctx.
func simulate(ctx context.Context, s scenario, q *rules.Queue, function matchfunc.Func) (*tally, error) {
	if len(s.searches) == 0 {
		return nil, errors.New("the recording holds no search")
	}
	sim := &simulation{
		scenario: s, rules: q, propose: function, custom: function != nil, start: s.searches[0].Group.Created, cycleAt: never,
		places: newPlaces(s.servers, s.searches, q), random: rand.New(rand.NewPCG(s.seed, 0)), tally: &tally{},
	}
	if function == nil {
		sim.propose = matchfn.NewMatcher(q).Propose
	}
	for {
		more, err := sim.step()
		if err != nil || !more {
			return sim.tally, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// step handles what happens next. At the same time ends come first, then begins, then
// the cycle.
func (s *simulation) step() (more bool, err error) {
	begins, ends := never, never
	if s.arrived < len(s.searches) {
		begins = s.searches[s.arrived].Group.Created.Sub(s.start)
	}
	if len(s.events) > 0 {
		ends = s.events[0].at
	}
	switch s.now = min(begins, ends, s.cycleAt); {
	case s.now == never || s.active == 0 && begins == never:
		return false, nil
	case ends == s.now:
		s.handleEnd(heap.Pop(&s.events).(event))
	case begins == s.now:
		s.beginSearch(&s.searches[s.arrived])
		s.arrived++
	default:
		return true, s.runCycle()
	}
	return true, nil
}

// wake makes a cycle due after the time in which the queue collects searches.
func (s *simulation) wake() { s.cycleAt = min(s.cycleAt, s.now+s.cycle) }

func (s *simulation) schedule(delay time.Duration, e event) {
	e.at, e.order = s.now+delay, s.made
	s.made++
	heap.Push(&s.events, e)
}

func (s *simulation) beginSearch(recorded *recording.Search) {
	g := recorded.Group
	if len(g.Players) > s.rules.Party.Max {
		s.tally.ended(g, refused)
		return
	}
	w := &search{group: g, begun: s.now}
	s.waiting = append(s.waiting, w)
	s.active++
	s.tally.mostWaiting = max(s.tally.mostWaiting, s.active)
	if left, byPlayer := patience(recorded); byPlayer && left <= s.rules.Search.Expiry {
		s.schedule(left, event{search: w, reason: cancelled})
	} else {
		s.schedule(s.rules.Search.Expiry, event{search: w, reason: expired})
	}
	s.wake()
}

// patience returns how long a player waited before they gave up. It is unknown for a
// player that got a match.
func patience(s *recording.Search) (time.Duration, bool) {
	switch s.Reason {
	case recording.ReasonCancelled, recording.ReasonAbandoned, recording.ReasonReplaced:
		return s.Wait, true
	}
	return 0, false
}

func (s *simulation) handleEnd(e event) {
	switch {
	case e.search == nil:
		s.places.free(e.place)
	case e.search.ended:
		return
	default:
		e.search.ended = true
		s.active--
		s.tally.ended(e.search.group, e.reason)
	}
	s.wake()
}

func (s *simulation) runCycle() error {
	s.cycleAt = never
	s.waiting = slices.DeleteFunc(s.waiting, func(w *search) bool { return w.ended })
	if len(s.waiting) == 0 {
		return nil
	}
	s.groups = s.groups[:0]
	for _, w := range s.waiting {
		s.groups = append(s.groups, w.group)
	}
	state := matchfunc.State{Now: s.start.Add(s.now), Capacities: s.places.open(len(s.groups))}
	if s.places.full() {
		s.tally.full++
	}
	began := s.stopwatch()
	proposals := s.propose(s.groups, state)
	s.tally.cycles = append(s.tally.cycles, s.stopwatch().Sub(began))
	if s.custom {
		if err := matchfn.Check(s.rules, s.groups, state, proposals); err != nil {
			return fmt.Errorf("queue %s: the match function %s: %w", s.rules.Name, s.rules.Function, err)
		}
	}
	for i := range proposals {
		s.seat(&proposals[i])
	}
	if s.active > 0 {
		s.cycleAt = min(s.cycleAt, s.now+pause+s.cycle)
	}
	return nil
}

// seat opens the match of a proposal. If several versions share the servers of a
// region, more matches may be proposed than fit. Their groups go on waiting.
func (s *simulation) seat(p *matchfunc.Proposal) {
	place, ok := s.places.occupy(p.Region, p.Version)
	if !ok {
		s.tally.noRoom++
		return
	}
	var teams [][]*matchfunc.Group
	for _, members := range p.Teams {
		var team []*matchfunc.Group
		for _, i := range members {
			w := s.waiting[i]
			w.ended = true
			s.active--
			team = append(team, w.group)
			s.tally.matched(w.group, s.now-w.begun, p.Region)
		}
		teams = append(teams, team)
	}
	s.tally.opened(teams, p.Quality, s.places.busy())
	length := max(time.Duration(s.length.Draw(s.random)), 0)
	s.schedule(length, event{place: place})
	s.wake()
}
