package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// lookEvery is how often a follower reads without a hint.
	lookEvery = 2 * time.Second
	// lookTimeout ends a read that hangs.
	lookTimeout = 5 * time.Second
	// rereadEvery is how often a follower compares all records.
	rereadEvery = 10 * time.Second
)

// announce notifies followers that the stream has a message with that sequence. If the
// hint is lost, they find the message with their next read.
func (s *Store) announce(hint string, sequence uint64) {
	_ = s.Publish(hint, strconv.AppendUint(nil, sequence, 10))
}

// refusal is an error of the caller's function. It is final.
type refusal struct{ error }

// follow calls look immediately, after each hint and every two seconds, until ctx ends or
// look fails finally. look returns the sequence up to which it has read. If a replica is
// behind the sequence of a hint, follow soon calls look again.
func (s *Store) follow(ctx context.Context, hint string, look func(ctx context.Context) (uint64, error)) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	var promised atomic.Uint64
	hints := make(chan struct{}, 1)
	unsubscribe, err := s.Subscribe(hint, func(data []byte) {
		sequence, err := strconv.ParseUint(string(data), 10, 64)
		if err != nil {
			return
		}
		promised.Store(max(promised.Load(), sequence))
		select {
		case hints <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer unsubscribe()
	behind := firstPause
	var refused refusal
	for {
		once, done := context.WithTimeout(ctx, lookTimeout)
		read, err := look(once)
		done()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &refused):
			return refused.error
		case err != nil && !errors.Is(err, errUncertain):
			return err
		}
		wait := lookEvery
		if (err != nil || read < promised.Load()) && behind < lookEvery {
			wait = behind
			behind *= 2
		} else {
			behind = firstPause
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-hints:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Follow calls f with each message after the given sequence, once and in order, until ctx
// ends or f returns an error, which it returns. If NATS has lost the log, its sequences
// start again, and so does Follow.
func (l *Log) Follow(ctx context.Context, after uint64, f func(sequence uint64, key string, value []byte) error) error {
	loss := lossCheck{stream: l.stream}
	err := l.stream.store.follow(ctx, l.hint, func(ctx context.Context) (uint64, error) {
		if loss.found(ctx, after) {
			after = 0
		}
		err := l.stream.scan(ctx, after+1, func(m message) error {
			after = m.Sequence
			key, err := l.stream.key(m.Subject)
			if err != nil {
				return nil // not written by this package
			}
			if err := f(m.Sequence, key, m.Data); err != nil {
				return refusal{err}
			}
			return nil
		})
		return after, err
	})
	return fmt.Errorf("follow %s: %w", l.stream.name, err)
}

// Follow calls f with each record and then with each change until ctx ends. e is nil for a
// record that is gone. Of several changes of a record in a short time Follow may see only
// the last, also the end of a record that it never saw.
func (b *Bucket) Follow(ctx context.Context, f func(key string, e *Entry)) error {
	return b.follow(ctx, func(key string, e *Entry, _ uint64) { f(key, e) })
}

// follow is like Follow, and also passes the revision of a removal: at least that of the
// record; 0 if revisions have started again.
func (b *Bucket) follow(ctx context.Context, f func(key string, e *Entry, revision uint64)) error {
	v := &view{bucket: b, known: map[string]uint64{}, loss: lossCheck{stream: b.stream}, report: f}
	err := b.stream.store.follow(ctx, b.hint, v.look)
	return fmt.Errorf("follow %s: %w", b.stream.name, err)
}

// view is what a follower of a bucket knows.
type view struct {
	bucket  *Bucket
	known   map[string]uint64 // revision of each record
	last    uint64            // sequence of the newest change seen
	absent  map[string]uint64 // known records that the last comparison missed.
	compare time.Time         // of the last comparison.
	loss    lossCheck
	report  func(key string, e *Entry, revision uint64)
}

func (v *view) look(ctx context.Context) (uint64, error) {
	if v.loss.found(ctx, v.last) {
		for key := range v.known {
			v.report(key, nil, 0)
		}
		clear(v.known)
		v.last = 0
	}
	if time.Since(v.compare) > rereadEvery {
		if err := v.reread(ctx); err != nil {
			return v.last, err
		}
		v.compare = time.Now()
		return v.last, nil
	}
	err := v.bucket.stream.scan(ctx, v.last+1, func(m message) error {
		v.apply(m)
		return nil
	})
	return v.last, err
}

func (v *view) apply(m message) {
	fresh := m.Sequence > v.last
	v.last = max(v.last, m.Sequence)
	key, err := v.bucket.stream.key(m.Subject)
	if err != nil {
		return // not written by this package
	}
	before, known := v.known[key]
	switch {
	case known && before >= m.Sequence:
	case !m.gone():
		v.known[key] = m.Sequence
		v.report(key, &Entry{Key: key, Value: m.Data, Revision: m.Sequence}, m.Sequence)
	case known, fresh:
		// The record may have come and gone between two reads, or before the first. The
		// caller may know it from elsewhere.
		delete(v.known, key)
		v.report(key, nil, m.Sequence)
	}
}

// reread reads all records. A known record without a marker of removal is gone if two
// readings miss it: one reading may come from a replica that is behind.
func (v *view) reread(ctx context.Context) error {
	present := map[string]bool{}
	err := v.bucket.stream.scan(ctx, 0, func(m message) error {
		if key, err := v.bucket.stream.key(m.Subject); err == nil {
			present[key] = true
		}
		v.apply(m)
		return nil
	})
	if err != nil {
		return err
	}
	missing := map[string]uint64{}
	for key, revision := range v.known {
		if present[key] {
			continue
		}
		if v.absent[key] != revision {
			missing[key] = revision
			continue
		}
		delete(v.known, key)
		v.report(key, nil, revision)
	}
	v.absent = missing
	return nil
}

// lossCheck notices that all replicas of a stream in memory were down: new messages then
// have small sequences again.
type lossCheck struct {
	stream  *stream
	checked time.Time
	suspect bool
}

// found checks every ten seconds and reports the second finding: the first answer may be
// that of a former leader.
func (c *lossCheck) found(ctx context.Context, seen uint64) bool {
	if time.Since(c.checked) < rereadEvery {
		return false
	}
	c.checked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.stream.store.cfg.Timeout)
	defer cancel()
	last, err := c.stream.askLastSequence(ctx)
	if err != nil {
		return false // without a leader there is nothing new
	}
	lost := c.suspect && last < seen
	c.suspect = last < seen && !lost
	if lost {
		c.stream.store.log.Error("stream lost by NATS", zap.String("stream", c.stream.name),
			zap.Uint64("had", seen), zap.Uint64("has", last))
	}
	return lost
}
