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

// resultOutbox are the ended matches whose end no matchmaker has acknowledged. Each
// is told over one stream at a time; after [ackTimeout], or with the end of the
// stream, it is another's turn.
type resultOutbox struct {
	limit   int
	metrics *metrics.Metrics
	log     *zap.Logger

	mu         sync.Mutex
	waiting    map[string]*result // by match id
	byAge      *list.List         // of *ending, the oldest first
	unassigned *list.List         // of *ending, in the order in which they are told next
	senders    []*sender
	timer      *time.Timer // runs while something is told; nil: it does not
	stopped    bool
	empty      chan struct{} // closed when nothing waits; nil: nobody asked
}

// result is one of them.
type result struct {
	message *fleetv1.MatchEnded
	age     *list.Element // in byAge
	turn    *list.Element // in untold; nil: somebody tells it
	sender  *sender       // who tells it, nil for nobody
	last    *sender       // who told it last
	due     time.Time     // when it is another's turn
}

// sender is a stream as far as endings are concerned.
type sender struct {
	ready    chan struct{} // capacity 1
	queue    []*result     // not sent yet
	inFlight map[*result]struct{}
	// copies are the ends of lost matches that others are to acknowledge: any
	// matchmaker may be the one that owes their players another match.
	copies []*fleetv1.MatchEnded
}

func newResultOutbox(limit int, m *metrics.Metrics, log *zap.Logger) *resultOutbox {
	return &resultOutbox{
		limit: limit, metrics: m, log: log,
		waiting: make(map[string]*result), byAge: list.New(), unassigned: list.New(),
	}
}

// add takes in a match that ended; above the limit the oldest is dropped.
func (o *resultOutbox) add(m *fleetv1.MatchEnded) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if old := o.waiting[m.GetMatchId()]; old != nil {
		o.forgetLocked(old) // a room may be opened by the same code again
	}
	if len(o.waiting) >= o.limit {
		oldest := o.byAge.Front().Value.(*result)
		o.forgetLocked(oldest)
		o.metrics.ResultsDropped.Inc()
		o.log.Error("too many ended matches wait for a matchmaker; the oldest one's result is lost",
			zap.String("match", oldest.message.GetMatchId()), zap.Int("waiting", o.limit))
	}
	e := &result{message: m}
	o.waiting[m.GetMatchId()] = e
	e.age = o.byAge.PushBack(e)
	e.turn = o.unassigned.PushBack(e)
	o.assignLocked()
	if m.GetReason() == match.EndError || m.GetReason() == match.EndShutdown {
		o.copyLocked(e)
	}
}

// copyLocked has the other streams told of a lost match too, once; it needs the lock.
func (o *resultOutbox) copyLocked(e *result) {
	for _, s := range o.senders {
		if s != e.sender && len(s.copies) < o.limit {
			s.copies = append(s.copies, e.message)
			signal(s.ready)
		}
	}
}

// join adds a stream to tell over.
func (o *resultOutbox) join() *sender {
	s := &sender{ready: make(chan struct{}, 1), inFlight: make(map[*result]struct{})}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.senders = append(o.senders, s)
	o.assignLocked()
	return s
}

// leave takes a stream out; others tell what it did not get acknowledged.
func (o *resultOutbox) leave(s *sender) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.senders = slices.DeleteFunc(o.senders, func(other *sender) bool { return other == s })
	for e := range s.inFlight {
		o.withdrawLocked(e)
	}
	o.assignLocked()
}

// next returns what the stream has to tell now, nil for nothing.
func (o *resultOutbox) next(s *sender) *fleetv1.MatchEnded {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(s.queue) > 0 {
		e := s.queue[0]
		s.queue = slices.Delete(s.queue, 0, 1)
		return e.message
	}
	if len(s.copies) > 0 {
		m := s.copies[0]
		s.copies[0] = nil
		s.copies = s.copies[1:]
		return m
	}
	return nil
}

// ack forgets a match whose end a matchmaker has stored.
func (o *resultOutbox) ack(matchID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.waiting[matchID]; e != nil {
		o.forgetLocked(e)
		o.assignLocked()
	}
}

// forgetLocked needs the lock.
func (o *resultOutbox) forgetLocked(e *result) {
	o.withdrawLocked(e)
	o.unassigned.Remove(e.turn)
	o.byAge.Remove(e.age)
	delete(o.waiting, e.message.GetMatchId())
	o.metrics.ResultsWaiting.Set(float64(len(o.waiting)))
	if len(o.waiting) == 0 && o.empty != nil {
		close(o.empty)
		o.empty = nil
	}
}

// withdrawLocked takes an ending from its teller and puts it at the end of those to
// be told: one that nobody acknowledges must not hold up the others. It needs
// the lock.
func (o *resultOutbox) withdrawLocked(e *result) {
	if e.sender == nil {
		return
	}
	s := e.sender
	delete(s.inFlight, e)
	if at := slices.Index(s.queue, e); at >= 0 {
		s.queue = slices.Delete(s.queue, at, at+1)
	}
	e.last, e.sender = s, nil
	e.turn = o.unassigned.PushBack(e)
}

// assignLocked gives what nobody tells to streams that have room for it. It needs the
// lock.
func (o *resultOutbox) assignLocked() {
	o.metrics.ResultsWaiting.Set(float64(len(o.waiting)))
	for o.unassigned.Len() > 0 {
		e := o.unassigned.Front().Value.(*result)
		s := o.senderForLocked(e)
		if s == nil {
			break
		}
		o.unassigned.Remove(e.turn)
		e.turn, e.sender, e.due = nil, s, time.Now().Add(ackTimeout)
		s.inFlight[e] = struct{}{}
		s.queue = append(s.queue, e)
		signal(s.ready)
		if o.timer == nil && !o.stopped {
			o.timer = time.AfterFunc(ackTimeout, o.expire)
		}
	}
}

// senderForLocked picks the stream that has least to tell, one that has failed to get
// the ending acknowledged last of all.
func (o *resultOutbox) senderForLocked(e *result) *sender {
	var best *sender
	for _, s := range o.senders {
		if len(s.inFlight) >= maxInFlight {
			continue
		}
		if best == nil || best == e.last || s != e.last && len(s.inFlight) < len(best.inFlight) {
			best = s
		}
	}
	return best
}

// expire gives what was not acknowledged in time to others.
func (o *resultOutbox) expire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	if o.stopped {
		return
	}
	now := time.Now()
	var next time.Time
	for _, s := range o.senders {
		for e := range s.inFlight {
			switch {
			case !e.due.After(now):
				o.withdrawLocked(e)
			case next.IsZero() || e.due.Before(next):
				next = e.due
			}
		}
	}
	if !next.IsZero() {
		o.timer = time.AfterFunc(next.Sub(now), o.expire)
	}
	o.assignLocked()
}

// count returns how many wait.
func (o *resultOutbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

// emptied returns a channel that is closed once nothing waits.
func (o *resultOutbox) emptied() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.empty == nil {
		o.empty = make(chan struct{})
		if len(o.waiting) == 0 {
			emptied := o.empty
			close(emptied)
			o.empty = nil
			return emptied
		}
	}
	return o.empty
}

// stop ends the waiting for acknowledgements.
func (o *resultOutbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	if o.timer != nil {
		o.timer.Stop()
	}
}
