package ranking

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tactus/matchmaker/internal/store"
)

// tombstonePrefix begins the ids of deleted players. No player has such an id.
const tombstonePrefix = "x-"

// deletion is an entry of the log of results: from it on, what one player has done is
// another's without a name. All replicas read it at the same place of the log, so that
// their sums stay equal.
type deletion struct {
	From string `msgpack:"f"`
	To   string `msgpack:"t"`
}

// Delete replaces a player's id by a new one without a name, in all queues and at all
// replicas, soon after it returns. It returns the new id, and in how many queues the
// player is known. The sums stay. A result that is rated later counts for the old id,
// which is a new player then.
func (r *Ranking) Delete(ctx context.Context, player string) (tombstone string, queues int, err error) {
	tombstone = tombstonePrefix + strings.ToLower(rand.Text())
	entry := result{Deletion: &deletion{From: player, To: tombstone}}
	value, err := entry.encode()
	if err != nil {
		return "", 0, err
	}
	queues = len(r.QueuesOf(player))
	if _, _, err := r.results.AppendOnce(ctx, "deletion-"+tombstone, value); err != nil {
		return "", 0, fmt.Errorf("delete player %q: %w", player, err)
	}
	return tombstone, queues, nil
}

// QueuesOf returns the queues in which a player has a record, in order.
func (r *Ranking) QueuesOf(player string) (queues []string) {
	for _, queue := range r.queues() {
		b := r.known(queue)
		b.RLock()
		if b.find(player) != nil {
			queues = append(queues, queue)
		}
		b.RUnlock()
	}
	return queues
}

// queues returns the queues in which a match was ever rated, in order.
func (r *Ranking) queues() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	list := make([]string, 0, len(r.boards))
	for queue := range r.boards {
		list = append(list, queue)
	}
	slices.Sort(list)
	return list
}

// rename applies a deletion that stands at the sequence of the log.
func (r *Ranking) rename(sequence uint64, d *deletion) {
	for _, queue := range r.queues() {
		b := r.known(queue)
		b.Lock()
		b.rename(sequence, d)
		b.Unlock()
	}
	if len(r.QueuesOf(d.From)) == 0 {
		r.cfg.Players.Forget(d.From)
	}
}

// rename gives a player's record to another, unless the record is newer than the
// deletion: then it is that of a player who came back. The other one may have it
// already, from the archive; it has counted as much then.
func (b *board) rename(sequence uint64, d *deletion) {
	rec := b.record(d.From)
	if rec.Matches == 0 || rec.Sequence > sequence {
		return
	}
	b.drop(d.From)
	rec.Name = ""
	if b.record(d.To).Sequence < rec.Sequence {
		b.put(d.To, rec)
	}
}

// drop removes a player. The row stays empty.
func (b *board) drop(player string) {
	n := b.numbers[player]
	if n == 0 {
		return
	}
	if b.at(n).size > 0 {
		b.root = b.remove(b.root, n)
	}
	delete(b.numbers, player)
	*b.at(n) = row{}
}

// rename moves the archived records and histories of a player, as the boards do. A
// second time it finds nothing to do.
func (a *archive) rename(ctx context.Context, sequence uint64, d *deletion) error {
	for _, queue := range a.queues() {
		from, to := owner{queue, d.From}, owner{queue, d.To}
		if err := retry(ctx, func() error { return a.move(ctx, sequence, from, to) }); err != nil {
			return fmt.Errorf("archive the deletion of player %q in queue %q: %w", d.From, queue, err)
		}
	}
	return nil
}

func (a *archive) move(ctx context.Context, sequence uint64, from, to owner) error {
	stored, err := a.records.Get(ctx, from.key())
	if errors.Is(err, store.ErrNotFound) {
		// The process may have ended between the two.
		if _, revision, err := a.matchesOf(ctx, from); err != nil || revision == 0 {
			return err
		}
		return a.drop(ctx, a.history, from, 0)
	}
	if err != nil {
		return err
	}
	rec, err := decodeRecord(stored.Value)
	if err != nil || rec.Sequence > sequence {
		return err
	}
	matches, revision, err := a.matchesOf(ctx, from)
	if err != nil {
		return err
	}
	rec.Name = ""
	if err := a.copyTo(ctx, to, &rec, matches); err != nil {
		return err
	}
	if err := a.drop(ctx, a.history, from, revision); err != nil {
		return err
	}
	return a.drop(ctx, a.records, from, stored.Revision)
}

// copyTo writes a record and its history for a player that has none.
func (a *archive) copyTo(ctx context.Context, to owner, rec *record, matches []played) error {
	for _, part := range []struct {
		bucket bucket
		value  any
	}{{a.history, matches}, {a.records, rec}} {
		if err := put(ctx, part.bucket, to.key(), part.value, 0); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return nil
}

func (a *archive) drop(ctx context.Context, b bucket, o owner, revision uint64) error {
	err := b.Delete(ctx, o.key(), revision)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
