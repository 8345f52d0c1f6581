// Package moderation is what operators do about players, matches and servers: bans,
// kicks, notices, reports, and the service admin.v1 by which they ask for it.
package moderation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/internal/banlist"
	"tactus/internal/publicport"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// sweepEvery is how often bans that have run out are removed.
const sweepEvery = 10 * time.Second

// ErrTooMany is returned for a new ban when there are [banlist.Most].
var ErrTooMany = fmt.Errorf("there are %d bans", banlist.Most)

// Ban is a ban as it is stored.
type Ban struct {
	ID       string `json:"-"` // the key of the record
	Player   string `json:"player,omitempty"`
	Range    string `json:"range,omitempty"`
	ChatOnly bool   `json:"chat_only,omitempty"`
	Until    int64  `json:"until,omitempty"` // Unix time in milliseconds; 0: until it is lifted
	Reason   string `json:"reason,omitempty"`
	Created  int64  `json:"created"`
	By       string `json:"by,omitempty"`
}

// Bans holds the bans of all replicas, in the store and in memory. While the store is
// away, the last known list counts. It is safe for concurrent use.
type Bans struct {
	bucket *store.Bucket
	log    *zap.Logger
	list   *banlist.List
	// changed is told about each change, in order.
	changed func(added []*fleetv1.Ban, removed []string)

	mu        sync.Mutex
	records   map[string]Ban
	revisions map[string]uint64
}

// OpenBans reads the bans of a store. [Bans.Run] must run. changed is called with all
// of them, even if there are none, and then with each change.
func OpenBans(ctx context.Context, s *store.Store, changed func(added []*fleetv1.Ban, removed []string), log *zap.Logger) (*Bans, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "bans", Durable: true})
	if err != nil {
		return nil, fmt.Errorf("bans: %w", err)
	}
	entries, err := bucket.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("bans: %w", err)
	}
	b := &Bans{bucket: bucket, log: log, list: banlist.New(), changed: changed, records: map[string]Ban{}, revisions: map[string]uint64{}}
	b.mu.Lock()
	defer b.mu.Unlock()
	changed(b.setLocked(entries...), nil)
	return b, nil
}

// Run follows the bans of all replicas, and removes those that have run out, until ctx
// ends.
func (b *Bans) Run(ctx context.Context) error {
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	sweeping.Go(func() { b.sweep(ctx) })
	return b.bucket.Follow(ctx, b.follow)
}

func (b *Bans) follow(id string, e *store.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e == nil {
		b.removeLocked(id)
		return
	}
	if b.revisions[id] >= e.Revision {
		return
	}
	if added := b.setLocked(*e); len(added) > 0 {
		b.changed(added, nil)
	}
}

func (b *Bans) removeLocked(id string) {
	if _, known := b.records[id]; known {
		delete(b.records, id)
		b.list.Change(nil, []string{id})
		b.changed(nil, []string{id})
	}
}

// setLocked adds records of the store to the list, in one change: each change costs a
// visit of the whole list. It returns those that hold, for game servers.
func (b *Bans) setLocked(entries ...store.Entry) (messages []*fleetv1.Ban) {
	var added []banlist.Ban
	for _, e := range entries {
		record, ban, err := readBan(e)
		if err != nil {
			b.log.Error("ban not read", zap.String("ban", e.Key), zap.Error(err))
			continue
		}
		b.records[e.Key], b.revisions[e.Key] = record, e.Revision
		if ban.Over(time.Now()) {
			continue // sweep removes it
		}
		added, messages = append(added, ban), append(messages, record.message())
	}
	b.list.Change(added, nil)
	return messages
}

func readBan(e store.Entry) (record Ban, ban banlist.Ban, err error) {
	record = Ban{ID: e.Key}
	if err := json.Unmarshal(e.Value, &record); err != nil {
		return record, ban, err
	}
	ban, err = record.entry()
	return record, ban, err
}

// Put stores a ban and makes it hold here at once. It replaces an earlier one of the
// same player or range. Error: ErrTooMany, or of the store.
func (b *Bans) Put(ctx context.Context, record Ban) (Ban, error) {
	record.ID = record.key()
	b.mu.Lock()
	_, replaces := b.records[record.ID]
	full := len(b.records) >= banlist.Most && !replaces
	b.mu.Unlock()
	if full {
		return record, ErrTooMany
	}
	value, err := json.Marshal(record)
	if err != nil {
		return record, err
	}
	revision, err := b.bucket.Put(ctx, record.ID, value)
	if err != nil {
		return record, err
	}
	b.follow(record.ID, &store.Entry{Key: record.ID, Value: value, Revision: revision})
	return record, nil
}

// Lift removes a ban and returns it. Error: store.ErrNotFound, or of the store.
func (b *Bans) Lift(ctx context.Context, id string) (Ban, error) {
	b.mu.Lock()
	record, known := b.records[id]
	b.mu.Unlock()
	if !known {
		return Ban{}, store.ErrNotFound
	}
	if err := b.bucket.Delete(ctx, id, 0); err != nil {
		return record, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removeLocked(id)
	return record, nil
}

// All lists the bans, newest first.
func (b *Bans) All() []Ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Ban, 0, len(b.records))
	for _, record := range b.records {
		list = append(list, record)
	}
	slices.SortFunc(list, func(x, y Ban) int { return cmp.Or(cmp.Compare(y.Created, x.Created), cmp.Compare(x.ID, y.ID)) })
	return list
}

// Of lists the bans of a player.
func (b *Bans) Of(player string) []Ban {
	return slices.DeleteFunc(b.All(), func(record Ban) bool { return record.Player != player })
}

// Check returns the failure of a player who is banned, or who calls the public port from
// a banned address; nil for others.
func (b *Bans) Check(ctx context.Context, player string) error {
	client, _ := publicport.ClientOf(ctx)
	found, banned := b.list.Find(player, client.Addr)
	if !banned {
		return nil
	}
	err := failure.Newf(failure.Banned, "%s", found.Sentence())
	if !found.Until.IsZero() {
		err = err.With("until", found.Until.UTC().Format(time.RFC3339))
	}
	if found.Reason != "" {
		err = err.With("ban_reason", found.Reason)
	}
	return err
}

// sweep removes bans that have run out, until ctx ends.
func (b *Bans) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			b.list.Expire(now)
			b.removeOver(ctx, now)
		}
	}
}

func (b *Bans) removeOver(ctx context.Context, now time.Time) {
	for _, record := range b.All() {
		if record.Until == 0 || now.UnixMilli() < record.Until {
			continue
		}
		b.mu.Lock()
		revision := b.revisions[record.ID]
		b.mu.Unlock()
		if err := b.bucket.Delete(ctx, record.ID, revision); err != nil && !errors.Is(err, store.ErrConflict) {
			return // the store is away
		}
		b.mu.Lock()
		if b.revisions[record.ID] == revision {
			b.removeLocked(record.ID)
		}
		b.mu.Unlock()
	}
}

// key is the same for all bans of a player or range: a newer one replaces the older.
func (r *Ban) key() string {
	switch {
	case r.Player == "":
		return "range:" + r.Range
	case r.ChatOnly:
		return "chat:" + r.Player
	}
	return "player:" + r.Player
}

func (r *Ban) entry() (banlist.Ban, error) {
	e := banlist.Ban{ID: r.ID, Player: r.Player, ChatOnly: r.ChatOnly, Reason: r.Reason}
	if r.Until != 0 {
		e.Until = time.UnixMilli(r.Until)
	}
	if r.Player != "" {
		return e, nil
	}
	var err error
	e.Range, err = banlist.ParseRange(r.Range)
	return e, err
}

func (r *Ban) message() *fleetv1.Ban {
	return &fleetv1.Ban{Id: r.ID, PlayerId: r.Player, AddressRange: r.Range, ChatOnly: r.ChatOnly, UntilUnixMs: r.Until, Reason: r.Reason}
}
