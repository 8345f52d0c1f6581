package fleet

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/match"
	"tactus/server/internal/metrics"
)

// endings are the ended matches whose end no matchmaker has acknowledged. Each
// is told over one stream at a time; after [ackTimeout], or with the end of the
// stream, it is another's turn.
type endings struct {
	limit   int
	metrics *metrics.Metrics
	log     *zap.Logger

	mu      sync.Mutex
	waiting map[string]*ending // by match id
	byAge   *list.List         // of *ending, the oldest first
	untold  *list.List         // of *ending, in the order in which they are told next
	tellers []*teller
	timer   *time.Timer // runs while something is told; nil: it does not
	stopped bool
	empty   chan struct{} // closed when nothing waits; nil: nobody asked
}

// ending is one of them.
type ending struct {
	message *fleetv1.MatchEnded
	age     *list.Element // in byAge
	turn    *list.Element // in untold; nil: somebody tells it
	teller  *teller       // who tells it, nil for nobody
	last    *teller       // who told it last
	due     time.Time     // when it is another's turn
}

// teller is a stream as far as endings are concerned.
type teller struct {
	ready chan struct{} // capacity 1
	queue []*ending     // not sent yet
	told  map[*ending]struct{}
	// copies are the ends of lost matches that others are to acknowledge: any
	// matchmaker may be the one that owes their players another match.
	copies []*fleetv1.MatchEnded
}

func newEndings(limit int, m *metrics.Metrics, log *zap.Logger) *endings {
	return &endings{
		limit: limit, metrics: m, log: log,
		waiting: make(map[string]*ending), byAge: list.New(), untold: list.New(),
	}
}

// add takes in a match that ended; above the limit the oldest is dropped.
func (es *endings) add(m *fleetv1.MatchEnded) {
	es.mu.Lock()
	defer es.mu.Unlock()
	if old := es.waiting[m.GetMatchId()]; old != nil {
		es.forget(old) // a room may be opened by the same code again
	}
	if len(es.waiting) >= es.limit {
		oldest := es.byAge.Front().Value.(*ending)
		es.forget(oldest)
		es.metrics.ResultsDropped.Inc()
		es.log.Error("too many ended matches wait for a matchmaker; the oldest one's result is lost",
			zap.String("match", oldest.message.GetMatchId()), zap.Int("waiting", es.limit))
	}
	e := &ending{message: m}
	es.waiting[m.GetMatchId()] = e
	e.age = es.byAge.PushBack(e)
	e.turn = es.untold.PushBack(e)
	es.assign()
	if m.GetReason() == match.EndError || m.GetReason() == match.EndShutdown {
		es.copy(e)
	}
}

// copy has the other streams told of a lost match too, once; it needs the lock.
func (es *endings) copy(e *ending) {
	for _, t := range es.tellers {
		if t != e.teller && len(t.copies) < es.limit {
			t.copies = append(t.copies, e.message)
			signal(t.ready)
		}
	}
}

// join adds a stream to tell over.
func (es *endings) join() *teller {
	t := &teller{ready: make(chan struct{}, 1), told: make(map[*ending]struct{})}
	es.mu.Lock()
	defer es.mu.Unlock()
	es.tellers = append(es.tellers, t)
	es.assign()
	return t
}

// leave takes a stream out; others tell what it did not get acknowledged.
func (es *endings) leave(t *teller) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.tellers = slices.DeleteFunc(es.tellers, func(other *teller) bool { return other == t })
	for e := range t.told {
		es.withdraw(e)
	}
	es.assign()
}

// next returns what the stream has to tell now, nil for nothing.
func (es *endings) next(t *teller) *fleetv1.MatchEnded {
	es.mu.Lock()
	defer es.mu.Unlock()
	if len(t.queue) > 0 {
		e := t.queue[0]
		t.queue = slices.Delete(t.queue, 0, 1)
		return e.message
	}
	if len(t.copies) > 0 {
		m := t.copies[0]
		t.copies[0] = nil
		t.copies = t.copies[1:]
		return m
	}
	return nil
}

// ack forgets a match whose end a matchmaker has stored.
func (es *endings) ack(matchID string) {
	es.mu.Lock()
	defer es.mu.Unlock()
	if e := es.waiting[matchID]; e != nil {
		es.forget(e)
		es.assign()
	}
}

// forget needs the lock.
func (es *endings) forget(e *ending) {
	es.withdraw(e)
	es.untold.Remove(e.turn)
	es.byAge.Remove(e.age)
	delete(es.waiting, e.message.GetMatchId())
	es.metrics.ResultsWaiting.Set(float64(len(es.waiting)))
	if len(es.waiting) == 0 && es.empty != nil {
		close(es.empty)
		es.empty = nil
	}
}

// withdraw takes an ending from its teller and puts it at the end of those to
// be told: one that nobody acknowledges must not hold up the others. It needs
// the lock.
func (es *endings) withdraw(e *ending) {
	if e.teller == nil {
		return
	}
	t := e.teller
	delete(t.told, e)
	if at := slices.Index(t.queue, e); at >= 0 {
		t.queue = slices.Delete(t.queue, at, at+1)
	}
	e.last, e.teller = t, nil
	e.turn = es.untold.PushBack(e)
}

// assign gives what nobody tells to streams that have room for it. It needs the
// lock.
func (es *endings) assign() {
	es.metrics.ResultsWaiting.Set(float64(len(es.waiting)))
	for es.untold.Len() > 0 {
		e := es.untold.Front().Value.(*ending)
		t := es.tellerFor(e)
		if t == nil {
			break
		}
		es.untold.Remove(e.turn)
		e.turn, e.teller, e.due = nil, t, time.Now().Add(ackTimeout)
		t.told[e] = struct{}{}
		t.queue = append(t.queue, e)
		signal(t.ready)
		if es.timer == nil && !es.stopped {
			es.timer = time.AfterFunc(ackTimeout, es.expire)
		}
	}
}

// tellerFor picks the stream that has least to tell, one that has failed to get
// the ending acknowledged last of all.
func (es *endings) tellerFor(e *ending) *teller {
	var best *teller
	for _, t := range es.tellers {
		if len(t.told) >= tellAtOnce {
			continue
		}
		if best == nil || best == e.last || t != e.last && len(t.told) < len(best.told) {
			best = t
		}
	}
	return best
}

// expire gives what was not acknowledged in time to others.
func (es *endings) expire() {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.timer = nil
	if es.stopped {
		return
	}
	now := time.Now()
	var next time.Time
	for _, t := range es.tellers {
		for e := range t.told {
			switch {
			case !e.due.After(now):
				es.withdraw(e)
			case next.IsZero() || e.due.Before(next):
				next = e.due
			}
		}
	}
	if !next.IsZero() {
		es.timer = time.AfterFunc(next.Sub(now), es.expire)
	}
	es.assign()
}

// count returns how many wait.
func (es *endings) count() int {
	es.mu.Lock()
	defer es.mu.Unlock()
	return len(es.waiting)
}

// settled returns a channel that is closed once nothing waits.
func (es *endings) settled() <-chan struct{} {
	es.mu.Lock()
	defer es.mu.Unlock()
	if es.empty == nil {
		es.empty = make(chan struct{})
		if len(es.waiting) == 0 {
			settled := es.empty
			close(settled)
			es.empty = nil
			return settled
		}
	}
	return es.empty
}

// stop ends the waiting for acknowledgements.
func (es *endings) stop() {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.stopped = true
	if es.timer != nil {
		es.timer.Stop()
	}
}
