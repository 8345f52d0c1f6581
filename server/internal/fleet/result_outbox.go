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

// resultOutbox holds the results that no matchmaker has acknowledged. Each result
// is assigned to one stream at a time. After [ackTimeout], or when the stream ends,
// it is assigned to another. It is safe for concurrent use.
type resultOutbox struct {
	limit   int
	metrics *metrics.Metrics
	log     *zap.Logger

	mu         sync.Mutex
	waiting    map[string]*result // by match id
	byAge      *list.List         // of *result, the oldest first
	unassigned *list.List         // of *result, in the order in which they are assigned next
	senders    []*sender
	timer      *time.Timer // nil while nothing is assigned
	stopped    bool
	empty      chan struct{} // closed when nothing waits; nil: not requested
}

// result is the result of one match.
type result struct {
	message *fleetv1.MatchEnded
	age     *list.Element // in byAge
	turn    *list.Element // in unassigned; nil: it is assigned
	sender  *sender       // nil: it is unassigned
	last    *sender       // that had it before
	due     time.Time     // when the sender loses it
}

// sender is the part of a stream that sends results.
type sender struct {
	ready    chan struct{} // capacity 1
	queue    []*result     // not sent yet
	inFlight map[*result]struct{}
	// copies are results of lost matches that another sender is responsible for.
	// Every matchmaker receives them: any of them may have queued the players.
	copies []*fleetv1.MatchEnded
}

func newResultOutbox(limit int, m *metrics.Metrics, log *zap.Logger) *resultOutbox {
	return &resultOutbox{
		limit: limit, metrics: m, log: log,
		waiting: make(map[string]*result), byAge: list.New(), unassigned: list.New(),
	}
}

// add adds the result of a match. Above the limit the oldest is dropped.
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

// copyLocked sends the result of a lost match over the other streams too, once.
func (o *resultOutbox) copyLocked(e *result) {
	for _, s := range o.senders {
		if s != e.sender && len(s.copies) < o.limit {
			s.copies = append(s.copies, e.message)
			signal(s.ready)
		}
	}
}

// join adds a stream.
func (o *resultOutbox) join() *sender {
	s := &sender{ready: make(chan struct{}, 1), inFlight: make(map[*result]struct{})}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.senders = append(o.senders, s)
	o.assignLocked()
	return s
}

// leave removes a stream. Its unacknowledged results are assigned to others.
func (o *resultOutbox) leave(s *sender) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.senders = slices.DeleteFunc(o.senders, func(other *sender) bool { return other == s })
	for e := range s.inFlight {
		o.withdrawLocked(e)
	}
	o.assignLocked()
}

// next returns the next result to send over the stream, nil for none.
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

// ack removes a result that a matchmaker has stored.
func (o *resultOutbox) ack(matchID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.waiting[matchID]; e != nil {
		o.forgetLocked(e)
		o.assignLocked()
	}
}

// forgetLocked removes a result.
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

// withdrawLocked takes a result from its sender and appends it to the unassigned
// ones, so that a result without acknowledgement does not block the others.
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

// assignLocked assigns results to streams that have room.
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

// senderForLocked picks the stream with the fewest results in flight. The stream that
// had the result before comes last.
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

// expire reassigns results that were not acknowledged in time.
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

// stop stops reassigning results.
func (o *resultOutbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	if o.timer != nil {
		o.timer.Stop()
	}
}
