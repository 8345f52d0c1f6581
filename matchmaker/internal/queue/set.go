package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/quickplay"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
)

// Fleet is the state of the game servers and their matches.
type Fleet interface {
	View(k ticket.Key) quickplay.View
	Backfills(queue string) []matchfunc.Backfill
	Capacities(k ticket.Key) []matchfunc.Capacity
	Hosts(k ticket.Key) []fleet.Host
	Teams(k ticket.Key) int
	Pick(k ticket.Key, region, version, policy string, players int) (serverID string, ok bool)
	EndsSoon(match string) bool
}

// Assigner requests seats from game servers.
type Assigner interface {
	Ask(p assign.Proposal) (*assign.Asked, error)
	GiveBack(unheard []ticket.Assignment)
}

// Config configures queues. All fields are required.
type Config struct {
	Window   time.Duration // how long a cycle waits for more tickets
	Attempts int           // refusals after which a search ends
	// Prompt is how long recording a match may take. After a longer time its server
	// must confirm the seats again before the players get them.
	Prompt    time.Duration
	KeepEnded time.Duration // how long the records of ended tickets are kept
	// Lookup returns the rules of a queue by its name: the same pointer as long as
	// they have not changed.
	Lookup func(name string) (*Rules, bool)
	Hooks  Hooks
}

// Hooks are called for events of queues. They must not block.
type Hooks struct {
	// Declined is called with the players that did not accept a found match; nil: it
	// is not called.
	Declined func(match string, players []string)
	Created  func(t *ticket.Ticket, g *matchfunc.Group)
	Ended    func(t *ticket.Ticket, status ticket.Status)
	Matched  func(m Match)
	Cycled   func(queue string, waiting int, took time.Duration)
	Failed   func(queue, cause string) // a found match did not get its seats
}

// Set holds the queues that this process owns. It is safe for concurrent use.
type Set struct {
	cfg      Config
	fleet    Fleet
	assigner Assigner
	tickets  *ticket.Registry
	log      *zap.Logger

	ctx     context.Context //nolint:containedctx // of all queues
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	opening singleflight.Group

	mu     sync.Mutex
	store  *store.Store
	leases *store.Leases
	queues map[string]*Queue
}

// NewSet makes an empty set. It can own queues after [Set.Start]. The caller ends it
// with [Set.Stop].
func NewSet(cfg Config, limits ticket.Limits, f Fleet, assigner Assigner, log *zap.Logger) *Set {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Set{
		cfg: cfg, fleet: f, assigner: assigner, log: log,
		ctx: ctx, cancel: cancel, queues: make(map[string]*Queue),
	}
	s.tickets = ticket.NewRegistry(limits, s.record, s.ticketEnded, assigner.GiveBack)
	return s
}

// Start gives the set the store and the leases that processes share.
func (s *Set) Start(st *store.Store, leases *store.Leases) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store, s.leases = st, leases
}

// Tickets holds the tickets of the queues that this process owns.
func (s *Set) Tickets() *ticket.Registry { return s.tickets }

// Find returns a queue that this process owns; nil: it does not.
func (s *Set) Find(name string) *Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[name]
}

// Own returns a queue that this process owns. It takes the queue over if it has no
// owner. If another live process owns it, the error is a *[store.HeldError].
func (s *Set) Own(ctx context.Context, name string) (*Queue, error) {
	if q := s.Find(name); q != nil {
		return q, nil
	}
	if _, ok := s.cfg.Lookup(name); !ok {
		return nil, ticket.ErrUnknown
	}
	opened := s.opening.DoChan(name, func() (any, error) { return s.open(name) })
	select {
	case r := <-opened:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Queue), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Known reports whether any process owns a queue of this name.
func (s *Set) Known(name string) bool {
	s.mu.Lock()
	leases := s.leases
	s.mu.Unlock()
	if leases == nil {
		return false
	}
	_, known := leases.Holder(name)
	return known
}

// openTimeout bounds the time to take a queue over.
const openTimeout = 15 * time.Second

// open takes a queue over. For each name one call runs at a time.
func (s *Set) open(name string) (*Queue, error) {
	if q := s.Find(name); q != nil {
		return q, nil
	}
	s.mu.Lock()
	st, leases := s.store, s.leases
	s.mu.Unlock()
	if st == nil || s.ctx.Err() != nil {
		return nil, ticket.ErrStopping
	}
	ctx, cancel := context.WithTimeout(s.ctx, openTimeout)
	defer cancel()
	lease, err := leases.Acquire(ctx, name)
	if err != nil {
		return nil, err
	}
	journal, records, err := st.OpenJournal(ctx, journalName(name), lease.Term())
	if err != nil {
		lease.Release(ctx)
		return nil, fmt.Errorf("queue %s: %w", name, err)
	}
	q, err := s.startQueue(name, lease, journal, records)
	if err != nil {
		journal.Close()
		release, done := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer done()
		lease.Release(release)
	}
	return q, err
}

// journalName is the queue's name in the characters that a stream's may have.
func journalName(queue string) string { return "queue-" + strings.ReplaceAll(queue, "/", "=") }

// startQueue restores the tickets that an earlier owner has recorded, and starts the
// queue. [Set.Find] returns it only with these tickets.
func (s *Set) startQueue(name string, lease *store.Lease, journal *store.Journal, records []store.Record) (*Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, ticket.ErrStopping
	}
	var shared sharedAttributes
	searching, err := restore(s.tickets, &shared, records)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	q := &Queue{
		name: name, set: s, lease: lease, journal: journal, cancel: cancel,
		log:  s.log.With(zap.String("queue", name)),
		done: make(chan struct{}), wake: make(chan struct{}, 1),
		acceptances: make(map[string]*acceptance), shared: shared,
	}
	s.queues[name] = q
	for _, t := range searching {
		q.inbox = append(q.inbox, newSearch(t))
	}
	q.wakeUp()
	s.wg.Go(func() { q.run(ctx) })
	s.wg.Go(func() { s.watchOwnership(ctx, q) })
	if len(searching) > 0 {
		q.log.Info("queue taken over", zap.Int("tickets", len(searching)), zap.Uint64("term", lease.Term()))
	}
	return q, nil
}

// watchOwnership releases the queue when this process has lost it.
func (s *Set) watchOwnership(ctx context.Context, q *Queue) {
	select {
	case <-ctx.Done():
		return
	case <-q.lease.Lost():
	case <-q.journal.Lost():
	}
	q.log.Warn("queue lost", zap.Uint64("term", q.lease.Term()))
	s.release(q)
}

// release stops a queue and leaves its tickets to the next owner.
func (s *Set) release(q *Queue) {
	q.cancel()
	q.cancelAcceptances()
	// Closing the journal ends what waits for a store that does not respond.
	force := time.AfterFunc(closePatience, q.journal.Close)
	<-q.done
	force.Stop()
	// Watchers are notified when the lease is free. Earlier they would come back here.
	q.journal.Close()
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	q.lease.Release(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queues[q.name] == q {
		delete(s.queues, q.name)
		s.tickets.Forget(q.name)
	}
}

const (
	releaseTimeout = 2 * time.Second
	closePatience  = 3 * time.Second
)

// Wake makes every queue run a cycle.
func (s *Set) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.wakeUp()
	}
}

// record writes the end of a ticket to the journal of its queue.
func (s *Set) record(t *ticket.Ticket, status ticket.Status) ticket.Recording {
	if q := s.Find(t.Queue); q != nil {
		return q.journalTicket(t, &status)
	}
	return unrecorded{}
}

// unrecorded is the recording of an end after its queue was released.
type unrecorded struct{}

var ended = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()

// Done is closed.
func (unrecorded) Done() <-chan struct{} { return ended }

// Err is the error of a journal that was lost.
func (unrecorded) Err() error { return store.ErrFenced }

// ticketEnded informs the queue of a ticket, and the hook.
func (s *Set) ticketEnded(t *ticket.Ticket, status ticket.Status) {
	if q := s.Find(t.Queue); q != nil {
		q.ticketEnded(t, status)
	}
	s.cfg.Hooks.Ended(t, status)
}

// EstimatedWait is the median and the 90th percentile of the recent waits that were
// longer than waited; 0 if there were none.
func (s *Set) EstimatedWait(name string, waited time.Duration) (p50, p90 time.Duration) {
	if q := s.Find(name); q != nil {
		return q.waits.estimate(waited)
	}
	return 0, 0
}

// Stats is the state of a queue, from its owner.
type Stats struct {
	Name         string
	Key          ticket.Key
	RulesVersion string
	Owner        string // of the process
	Players      int    // searching
	Entered      uint64 // tickets since the process owns it
	Matched      uint64
	P50, P90     time.Duration
	Cycle        time.Duration // duration of the last one
}

// Stats describes the queues that this process owns, by name.
func (s *Set) Stats(owner string) []Stats {
	s.mu.Lock()
	queues := make([]*Queue, 0, len(s.queues))
	for _, q := range s.queues {
		queues = append(queues, q)
	}
	s.mu.Unlock()
	list := make([]Stats, 0, len(queues))
	for _, q := range queues {
		st := Stats{
			Name: q.name, Owner: owner, Players: s.tickets.Players(q.name),
			Entered: q.entered.Load(), Matched: q.matched.Load(), Cycle: time.Duration(q.cycled.Load()),
		}
		if r, ok := s.cfg.Lookup(q.name); ok {
			st.Key, st.RulesVersion = r.Key, r.version()
		}
		st.P50, st.P90 = q.waits.estimate(0)
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b Stats) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Stop releases all queues and waits for them. With handOver, other processes take
// the tickets over. Otherwise all searches end with the reason shutdown.
func (s *Set) Stop(handOver bool) {
	s.mu.Lock()
	queues := make([]*Queue, 0, len(s.queues))
	for _, q := range s.queues {
		queues = append(queues, q)
	}
	if !handOver {
		s.mu.Unlock()
		s.tickets.Stop() // recorded, as the queues are still there
		s.mu.Lock()
	}
	s.cancel()
	s.mu.Unlock()
	for _, q := range queues {
		s.release(q)
	}
	s.wg.Wait()
	s.tickets.Stop()
	s.tickets.Wait()
}

// IsHeld returns the owner that an error of [Set.Own] names, if it names one.
func IsHeld(err error) (store.Holder, bool) {
	if held, ok := errors.AsType[*store.HeldError](err); ok {
		return held.Holder, true
	}
	return store.Holder{}, false
}
