package ranking

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tactus/matchmaker/internal/store"
)

// archive sums up the log of results into a record and a history of each player, and a
// checkpoint up to which all of them count.
//
// It depends only on the log and on what is stored. Its process may end after each step,
// and two replicas may archive together for a moment. A history is written before its
// record, and the checkpoint after all records, each only over the revision that was read.
// Each part knows which results it has counted. So the next round does what is missing,
// and nothing twice.
type archive struct {
	log     *zap.Logger
	results follower
	records bucket
	history bucket
	queues  func() []string // in which there are records
}

type follower interface {
	Follow(ctx context.Context, after uint64, f func(sequence uint64, key string, value []byte) error) error
}

type bucket interface {
	Get(ctx context.Context, key string) (store.Entry, error)
	Create(ctx context.Context, key string, value []byte) (uint64, error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	Delete(ctx context.Context, key string, revision uint64) error
}

// checkpointKey differs from the keys of owners, which begin with a number.
const checkpointKey = "checkpoint"

// run archives while this replica holds the lease, until ctx ends.
func (a *archive) run(ctx context.Context, leases *store.Leases) {
	for ctx.Err() == nil {
		if err := a.runHolding(ctx, leases); err != nil && ctx.Err() == nil {
			a.log.Warn("rating archive failed", zap.Error(err))
		}
		pause(ctx, archiveEvery)
	}
}

func (a *archive) runHolding(ctx context.Context, leases *store.Leases) error {
	if leases == nil {
		return a.sumUp(ctx)
	}
	lease, err := leases.Acquire(ctx, leaseName)
	if _, ok := errors.AsType[*store.HeldError](err); ok {
		return nil
	}
	if err != nil {
		return fmt.Errorf("acquire lease: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveEvery)
		defer cancel()
		lease.Release(ctx)
	}()
	tasks, holding := errgroup.WithContext(ctx)
	tasks.Go(func() error {
		select {
		case <-lease.Lost():
			return errors.New("another replica has taken the lease")
		case <-holding.Done():
			return nil
		}
	})
	tasks.Go(func() error { return a.sumUp(holding) })
	return tasks.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// entry is a result on its way into the archive.
type entry struct {
	sequence uint64
	match    string
	result   *result // nil: unreadable
}

// sumUp follows the log from the checkpoint, and writes new results every second. It
// returns with the first error. The next call starts at the checkpoint again.
func (a *archive) sumUp(ctx context.Context) error {
	from, _, err := a.checkpoint(ctx)
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	entries := make(chan entry, archiveMatches)
	tasks.Go(func() error {
		return a.results.Follow(ctx, from, func(sequence uint64, match string, value []byte) error {
			m, err := decodeResult(value)
			if err != nil {
				m = nil // logged by count
			}
			select {
			case entries <- entry{sequence, match, m}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	tasks.Go(func() error {
		for ctx.Err() == nil {
			pause(ctx, archiveEvery)
			if batch := take(entries); len(batch) > 0 {
				if err := a.write(ctx, batch); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	})
	return tasks.Wait()
}

// take returns the entries that are waiting, without waiting for more.
func take(entries <-chan entry) (batch []entry) {
	for len(batch) < archiveMatches {
		select {
		case e := <-entries:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// part is the share of one player in one result.
type part struct {
	entry
	change *change
}

// write archives consecutive results: all records, then the checkpoint. Deletions are
// archived at their place between the results.
func (a *archive) write(ctx context.Context, batch []entry) error {
	begin := 0
	for i, e := range batch {
		if e.result == nil || e.result.Deletion == nil {
			continue
		}
		if err := a.writePlayers(ctx, batch[begin:i]); err != nil {
			return err
		}
		if err := a.rename(ctx, e.sequence, e.result.Deletion); err != nil {
			return err
		}
		begin = i + 1
	}
	if err := a.writePlayers(ctx, batch[begin:]); err != nil {
		return err
	}
	return a.setCheckpoint(ctx, batch[len(batch)-1].sequence)
}

// writePlayers archives the records of consecutive results.
func (a *archive) writePlayers(ctx context.Context, batch []entry) error {
	parts := make(map[owner][]part)
	for _, e := range batch {
		if e.result == nil {
			continue
		}
		for i := range e.result.Players {
			c := &e.result.Players[i]
			o := owner{e.result.Queue, c.Player}
			parts[o] = append(parts[o], part{e, c})
		}
	}
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(archiveWriters)
	for o, p := range parts {
		writers.Go(func() error {
			if err := a.writePlayer(writing, o, p); err != nil {
				return fmt.Errorf("archive player %q of queue %q: %w", o.player, o.queue, err)
			}
			return nil
		})
	}
	return writers.Wait()
}

// writePlayer adds parts to the history and the record of a player.
func (a *archive) writePlayer(ctx context.Context, o owner, parts []part) error {
	return retry(ctx, func() error {
		var rec record
		stored, err := a.records.Get(ctx, o.key())
		switch {
		case err == nil:
			if rec, err = decodeRecord(stored.Value); err != nil {
				return err
			}
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		var matches []played
		for _, p := range parts {
			if rec.add(p.sequence, p.match, p.result, p.change) {
				matches = append(matches, rec.Last)
			}
		}
		if len(matches) == 0 {
			return nil
		}
		if err := a.addHistory(ctx, o, matches); err != nil {
			return err
		}
		return put(ctx, a.records, o.key(), &rec, stored.Revision)
	})
}

func (a *archive) addHistory(ctx context.Context, o owner, matches []played) error {
	stored, revision, err := a.matchesOf(ctx, o)
	if err != nil {
		return err
	}
	all := appendMatches(stored, matches...)
	return put(ctx, a.history, o.key(), all, revision)
}

// matchesOf reads the archived history of a player, oldest first.
func (a *archive) matchesOf(ctx context.Context, o owner) ([]played, uint64, error) {
	stored, err := a.history.Get(ctx, o.key())
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read history: %w", err)
	}
	var matches []played
	if err := msgpack.Unmarshal(stored.Value, &matches); err != nil {
		return nil, 0, fmt.Errorf("history of player %q in queue %q can't be read: %w", o.player, o.queue, err)
	}
	return matches, stored.Revision, nil
}

// appendMatches adds matches that are newer than all in the list, and keeps the last ones.
func appendMatches(matches []played, more ...played) []played {
	for _, p := range more {
		if len(matches) == 0 || matches[len(matches)-1].Sequence < p.Sequence {
			matches = append(matches, p)
		}
	}
	return matches[max(len(matches)-historySize, 0):]
}

// checkpoint is the sequence up to which all results are archived.
func (a *archive) checkpoint(ctx context.Context) (sequence, revision uint64, err error) {
	stored, err := a.records.Get(ctx, checkpointKey)
	if errors.Is(err, store.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read checkpoint: %w", err)
	}
	sequence, err = decodeCheckpoint(stored.Value)
	return sequence, stored.Revision, err
}

func decodeCheckpoint(value []byte) (uint64, error) {
	if len(value) != 8 {
		return 0, fmt.Errorf("checkpoint of %d bytes can't be read", len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// setCheckpoint moves the checkpoint forward, never back.
func (a *archive) setCheckpoint(ctx context.Context, sequence uint64) error {
	return retry(ctx, func() error {
		present, revision, err := a.checkpoint(ctx)
		if err != nil || present >= sequence {
			return err
		}
		return write(ctx, a.records, checkpointKey, binary.BigEndian.AppendUint64(nil, sequence), revision)
	})
}

// retry repeats do while another replica was faster, or the read came from a replica of the
// bucket that is behind.
func retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) || ctx.Err() != nil {
			return err
		}
		pause(ctx, retryAfter)
	}
}

func put(ctx context.Context, b bucket, key string, v any, revision uint64) error {
	value, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	return write(ctx, b, key, value, revision)
}

// write stores the value over the revision that was read; 0: there was none.
func write(ctx context.Context, b bucket, key string, value []byte, revision uint64) (err error) {
	if revision == 0 {
		_, err = b.Create(ctx, key, value)
	} else {
		_, err = b.Update(ctx, key, value, revision)
	}
	return err
}
