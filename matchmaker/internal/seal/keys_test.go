package seal

import (
	"bytes"
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/store"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// open opens keys of a store whose clock the test moves.
func open(t *testing.T, s *store.Store, now *time.Time) *Keys {
	t.Helper()
	k := New(zap.NewNop())
	k.now = func() time.Time { return *now }
	if err := k.Open(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeys_areReplacedWithoutLosingResults(t *testing.T) {
	s := openStore(t)
	now := time.Now()
	a, b := open(t, s, &now), open(t, s, &now)
	seat := Seat{Match: "m-1", Server: "s1", Queue: "duel", Team: -1, Player: "ann"}
	ctx := context.Background()
	first := a.Make(seat)
	if len(first) != Size || !bytes.Equal(first, b.Make(seat)) {
		t.Fatal("two replicas make different seals")
	}
	if err := a.Replace(ctx); err != nil {
		t.Fatal(err)
	}
	second := a.Make(seat)
	if bytes.Equal(first, second) {
		t.Error("the key is the same")
	}
	if !b.Valid(ctx, seat, second) { // b does not follow: it reads the store
		t.Error("a replica does not know a key that was replaced just now")
	}
	if !a.Valid(ctx, seat, first) || !b.Valid(ctx, seat, first) {
		t.Error("a seal from before the replacement is lost")
	}
	now = now.Add(keepReplaced)
	if a.Valid(ctx, seat, first) || !a.Valid(ctx, seat, second) {
		t.Error("a replaced key lasts a day, the present one longer")
	}
	now = now.Add(rotateEvery)
	if err := b.replaceIfDue(ctx); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(b.Make(seat), second) || !b.Valid(ctx, seat, second) {
		t.Error("an old key is not replaced, or its seals are lost")
	}
}

func TestKeys_sealIsForOneSeat(t *testing.T) {
	now := time.Now()
	k := open(t, openStore(t), &now)
	seat := Seat{Match: "m-1", Server: "s1", Queue: "duel", Team: 1, Player: "ann"}
	seal := k.Make(seat)
	for name, change := range map[string]func(*Seat){
		"match": func(s *Seat) { s.Match = "m-2" }, "incarnation": func(s *Seat) { s.Incarnation = 1 },
		"server": func(s *Seat) { s.Server = "s2" }, "queue": func(s *Seat) { s.Queue = "fun" },
		"team": func(s *Seat) { s.Team = 0 }, "player": func(s *Seat) { s.Player = "bob" },
		"border between fields": func(s *Seat) { s.Server, s.Queue = "s1d", "uel" },
	} {
		other := seat
		change(&other)
		if k.made(&other, seal) {
			t.Errorf("the seal is good for another %s", name)
		}
	}
	if !k.made(&seat, seal) || k.Valid(context.Background(), seat, seal[:Size-1]) {
		t.Error("the seal is not good for its own seat, or a part of it is")
	}
}
