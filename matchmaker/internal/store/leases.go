package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Holder is the member that holds a lease.
type Holder struct {
	Member
	Term uint64 // grows with each holder of the lease
}

// HeldError is the error for a lease that a live member holds.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string {
	return fmt.Sprintf("the lease is held by %s (%s), term %d", e.Holder.ID, e.Holder.Address, e.Holder.Term)
}

// ErrAcquiring is returned when this process is already acquiring the lease.
var ErrAcquiring = errors.New("the lease is being acquired")

// Leases have one holder per name. They are safe for concurrent use. A holder renews its
// lease. Without renewal it loses the lease after the TTL, or when another member sees
// that it is dead and takes the lease by compare-and-swap. A holder that was suspended
// can't renew a lost lease: the record has another revision by then.
//
// A lease alone does not fence, since a holder learns late of its loss. Its writes must
// carry the term; see [Journal].
type Leases struct {
	store   *Store
	members *Members
	bucket  *Bucket
	ttl     time.Duration
	renew   time.Duration
	changed chan struct{}

	mu      sync.Mutex
	holders map[string]leaseEntry
	held    map[string]*Lease // of this process; nil while being acquired
}

// leaseRecord is the record of a lease.
type leaseRecord struct {
	Member
	Run string `json:"run"`
	// Term is 0 in the record that takes the lease: the revision of that record is the
	// term.
	Term uint64 `json:"term,omitempty"`
}

type leaseEntry struct {
	leaseRecord
	revision uint64
	gone     bool
}

// Leases opens the leases of all members, and follows them until Close. The TTL is 3 s
// with an embedded server. With an external NATS it is 15 s, longer than a stream may be
// without a leader, and renewal is early enough for that.
func (s *Store) Leases(ctx context.Context, members *Members) (*Leases, error) {
	// Terms must survive a restart of NATS, since the journals that they fence may.
	bucket, err := s.Bucket(ctx, BucketConfig{Name: "leases", Durable: !s.Embedded()})
	if err != nil {
		return nil, err
	}
	l := &Leases{
		store: s, members: members, bucket: bucket, ttl: 15 * time.Second, renew: 2500 * time.Millisecond,
		changed: make(chan struct{}, 1), holders: map[string]leaseEntry{}, held: map[string]*Lease{},
	}
	if s.Embedded() {
		l.ttl, l.renew = 3*time.Second, time.Second
	}
	s.tasks.Go(func() {
		if err := bucket.follow(s.stop, l.recordChanged); s.stop.Err() == nil {
			s.log.Error("lease updates ended", zap.Error(err))
		}
	})
	return l, nil
}

// Holder is the holder of the lease, as far as this process knows without asking the
// store. It may have died since.
func (l *Leases) Holder(name string) (Holder, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.holders[name]
	return Holder{Member: e.Member, Term: e.Term}, ok && !e.gone
}

// Changed gets a value when a holder has changed. Several changes may give one value.
func (l *Leases) Changed() <-chan struct{} { return l.changed }

// recordChanged handles each change of the bucket.
func (l *Leases) recordChanged(name string, e *Entry, revision uint64) {
	if e == nil {
		l.setHolder(name, leaseEntry{revision: revision, gone: true})
	} else if entry, err := parseLease(*e); err != nil {
		l.store.log.Error("unreadable lease", zap.String("lease", name), zap.Error(err))
	} else {
		l.setHolder(name, entry)
	}
}

// setHolder updates a holder from a record that was read or written, in any order.
func (l *Leases) setHolder(name string, entry leaseEntry) {
	l.mu.Lock()
	before := l.holders[name]
	stale := before.revision > entry.revision || before.revision == entry.revision && !entry.gone
	if stale && entry.revision != 0 {
		l.mu.Unlock()
		return
	}
	l.holders[name] = entry
	held := l.held[name]
	l.mu.Unlock()
	if held != nil && entry.Term > held.term {
		held.lose()
	}
	if before.Term != entry.Term || before.gone != entry.gone {
		l.notify()
	}
}

func (l *Leases) notify() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func parseLease(e Entry) (leaseEntry, error) {
	entry := leaseEntry{revision: e.Revision}
	if err := json.Unmarshal(e.Value, &entry.leaseRecord); err != nil {
		return leaseEntry{}, fmt.Errorf("lease %q: %w", e.Key, err)
	}
	if entry.Term == 0 {
		entry.Term = e.Revision
	}
	return entry, nil
}

// Acquire takes the lease and renews it from then on. It takes the lease of a dead holder
// without waiting for its TTL. *HeldError: a live member holds it, perhaps this one.
func (l *Leases) Acquire(ctx context.Context, name string) (*Lease, error) {
	if err := l.reserve(ctx, name); err != nil {
		return nil, fmt.Errorf("acquire lease %q: %w", name, err)
	}
	started := time.Now()
	term, err := l.writeHolder(ctx, name)
	if err != nil {
		l.drop(name, nil)
		return nil, fmt.Errorf("acquire lease %q: %w", name, err)
	}
	x := &Lease{
		leases: l, name: name, term: term, revision: term, renewed: started,
		lost: make(chan struct{}), release: make(chan struct{}), done: make(chan struct{}),
	}
	l.mu.Lock()
	l.held[name] = x
	newest := l.holders[name].Term
	l.mu.Unlock()
	if newest > term { // taken by another member meanwhile
		x.lose()
	}
	l.store.tasks.Go(x.renewUntilOver)
	return x, nil
}

// reserve prevents this process from acquiring a lease twice. It waits for the end of a
// lease that was lost or released.
func (l *Leases) reserve(ctx context.Context, name string) error {
	for {
		l.mu.Lock()
		held, ok := l.held[name]
		if !ok {
			l.held[name] = nil
		}
		l.mu.Unlock()
		switch {
		case !ok:
			return nil
		case held == nil:
			return ErrAcquiring
		case !held.over():
			return &HeldError{Holder{l.members.self.Member, held.term}}
		}
		select {
		case <-held.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writeHolder writes the record of a new holder, and returns its term.
func (l *Leases) writeHolder(ctx context.Context, name string) (uint64, error) {
	mine := leaseRecord{Member: l.members.self.Member, Run: l.members.self.Run}
	value, err := json.Marshal(mine)
	if err != nil {
		return 0, err
	}
	for {
		var revision uint64
		e, err := l.bucket.Get(ctx, name)
		switch {
		case errors.Is(err, ErrNotFound):
			revision, err = l.bucket.create(ctx, name, value, l.ttl)
		case err != nil:
			return 0, err
		default:
			var held leaseEntry
			if held, err = parseLease(e); err != nil {
				return 0, err
			}
			l.setHolder(name, held)
			if held.Run != mine.Run && !l.members.Dead(held.ID, held.Run) {
				return 0, &HeldError{Holder{held.Member, held.Term}}
			}
			revision, err = l.bucket.put(ctx, "seize", name, nil, value, &e.Revision, l.ttl)
		}
		if err == nil {
			mine.Term = revision
			l.setHolder(name, leaseEntry{leaseRecord: mine, revision: revision})
			return revision, nil
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrExists) {
			return 0, err
		}
		if !pause(ctx, firstPause) {
			return 0, ctx.Err()
		}
	}
}

func (l *Leases) drop(name string, held *Lease) {
	l.mu.Lock()
	if l.held[name] == held {
		delete(l.held, name)
	}
	l.mu.Unlock()
}

// Lease is a lease of this process until it is lost or released. It is safe for concurrent
// use.
type Lease struct {
	leases *Leases
	name   string
	term   uint64

	revision uint64    // of the record; owned by renewUntilOver, then by Release
	renewed  time.Time // beginning of the last successful renewal; owned by renewUntilOver

	loseOnce, releaseOnce sync.Once
	lost, release, done   chan struct{}
}

// Term is higher than the terms of all earlier holders, and lower than those of all later
// ones.
func (x *Lease) Term() uint64 { return x.term }

// Lost closes when the lease could not be renewed for its TTL, or another member has
// taken it. Release does not close it.
func (x *Lease) Lost() <-chan struct{} { return x.lost }

func (x *Lease) lose() { x.loseOnce.Do(func() { close(x.lost) }) }

// over reports whether renewal has ended or is about to.
func (x *Lease) over() bool {
	select {
	case <-x.lost:
	case <-x.release:
	default:
		return false
	}
	return true
}

// renewUntilOver renews the lease until it is lost or released, or the store is closed.
func (x *Lease) renewUntilOver() {
	l := x.leases
	defer close(x.done)
	defer l.drop(x.name, x)
	ticker := time.NewTicker(l.renew)
	defer ticker.Stop()
	for {
		select {
		case <-l.store.stop.Done():
			x.lose()
			return
		case <-x.lost:
			return
		case <-x.release:
			return
		case <-ticker.C:
		}
		if err := x.renewOnce(); err != nil {
			l.store.log.Warn("lease lost", zap.String("lease", x.name), zap.Uint64("term", x.term), zap.Error(err))
			x.lose()
			return
		}
	}
}

// renewOnce tries until the lease has certainly expired.
func (x *Lease) renewOnce() error {
	l := x.leases
	ctx, cancel := context.WithDeadlineCause(l.store.stop, x.renewed.Add(l.ttl), errors.New("no renewal within the TTL"))
	defer cancel()
	record := leaseRecord{Member: l.members.self.Member, Run: l.members.self.Run, Term: x.term}
	value, err := json.Marshal(record)
	if err != nil {
		return err
	}
	begun := time.Now()
	revision, err := l.bucket.put(ctx, "renew", x.name, nil, value, &x.revision, l.ttl)
	if err != nil {
		return err
	}
	x.revision, x.renewed = revision, begun
	l.setHolder(x.name, leaseEntry{leaseRecord: record, revision: revision})
	return nil
}

// Release stops the renewal and removes the lease, so that the next holder need not wait.
// If ctx ends first, the lease expires. Further calls do nothing.
func (x *Lease) Release(ctx context.Context) {
	x.releaseOnce.Do(func() { close(x.release) })
	select {
	case <-x.done:
	case <-ctx.Done():
		return
	}
	select {
	case <-x.lost:
		return // taken by another member
	default:
	}
	err := x.leases.bucket.Delete(ctx, x.name, x.revision)
	if err != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrClosed) {
		x.leases.store.log.Warn("lease release failed", zap.String("lease", x.name), zap.Error(err))
	}
}
