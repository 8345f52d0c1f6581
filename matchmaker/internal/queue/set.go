package queue

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/ticket"
)

// Set holds the queues; each starts with its first ticket.
type Set struct {
	cfg      Config
	fleet    Fleet
	tickets  Tickets
	assigner Assigner
	log      *zap.Logger

	ctx    context.Context // of all queues
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	queues map[ticket.Key]*queue
}

// NewSet makes an empty set. [Set.Stop] ends it.
func NewSet(cfg Config, fleet Fleet, tickets Tickets, assigner Assigner, log *zap.Logger) *Set {
	ctx, cancel := context.WithCancel(context.Background())
	return &Set{
		cfg: cfg, fleet: fleet, tickets: tickets, assigner: assigner, log: log,
		ctx: ctx, cancel: cancel, queues: make(map[ticket.Key]*queue),
	}
}

// Add puts a ticket into its queue. After Stop it does nothing.
func (s *Set) Add(t *ticket.Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	q := s.queues[t.Key]
	if q == nil {
		q = &queue{
			cfg: s.cfg, key: t.Key, fleet: s.fleet, tickets: s.tickets, assigner: s.assigner,
			log:  s.log.With(zap.String("game", t.Key.Game), zap.String("mode", t.Key.Mode)),
			wake: make(chan struct{}, 1),
		}
		s.queues[t.Key] = q
		s.wg.Go(func() { q.run(s.ctx) })
	}
	q.add(&search{ticket: t})
}

// Wake lets every queue look again.
func (s *Set) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.wakeUp()
	}
}

// Ended lets the ticket's queue forget it and learn from its wait.
func (s *Set) Ended(t *ticket.Ticket, status ticket.Status) {
	s.mu.Lock()
	q := s.queues[t.Key]
	s.mu.Unlock()
	if q == nil {
		return
	}
	if status.State == ticket.Assigned && t.Match == "" {
		q.waits.observe(status.At.Sub(t.Created))
	}
	q.wakeUp()
}

// EstimatedWait is the median of what players of the queue waited lately, 0
// when nothing was observed.
func (s *Set) EstimatedWait(k ticket.Key) time.Duration {
	s.mu.Lock()
	q := s.queues[k]
	s.mu.Unlock()
	if q == nil {
		return 0
	}
	return q.waits.estimate()
}

// Stop ends all queues and waits for them.
func (s *Set) Stop() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.wg.Wait()
}
