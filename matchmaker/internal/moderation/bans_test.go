package moderation

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/store"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// A start reads all bans in one change. Those that ran out while no matchmaker was
// there do not hold, and the next sweep removes them from the store.
func TestBans_openReadsAllInOneChange(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	bucket, err := s.Bucket(t.Context(), store.BucketConfig{Name: "bans", Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, record := range []Ban{
		{Player: "ann"},
		{Player: "bob", Until: now.Add(time.Hour).UnixMilli()},
		{Player: "cid", Until: now.Add(-time.Hour).UnixMilli()},
	} {
		value, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bucket.Put(t.Context(), record.key(), value); err != nil {
			t.Fatal(err)
		}
	}
	var changes [][]*fleetv1.Ban
	b, err := OpenBans(t.Context(), s, func(added []*fleetv1.Ban, _ []string) { changes = append(changes, added) }, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 || len(changes[0]) != 2 {
		t.Errorf("changes %v", changes)
	}
	for player, want := range map[string]bool{"ann": true, "bob": true, "cid": false} {
		if got := b.Check(context.Background(), player) != nil; got != want {
			t.Errorf("%s is banned: %v, want %v", player, got, want)
		}
	}
	b.removeOver(t.Context(), now)
	if _, err := bucket.Get(t.Context(), "player:cid"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the ban that ran out: %v", err)
	}
	if _, err := bucket.Get(t.Context(), "player:bob"); err != nil {
		t.Errorf("a ban that holds: %v", err)
	}
}
