package cooldown

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/store"
)

func TestCooldowns_growWithDepartures(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	now := time.Now()
	var replicas [2]*Cooldowns
	for i := range replicas {
		if replicas[i], err = Open(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		replicas[i].now = func() time.Time { return now }
	}
	want := []time.Duration{0, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute}
	for n, wait := range want {
		c := replicas[n%2] // neither follows the other: each reads what the other wrote
		match := fmt.Sprintf("m-%d", n)
		for range 2 { // a result may be reported again
			if err := c.Add(t.Context(), "ann", match); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.Remaining("ann"); got != wait {
			t.Errorf("after %d matches: %v, want %v", n+1, got, wait)
		}
	}
	later, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	later.now = func() time.Time { return now.Add(10 * time.Minute) }
	if got := later.Remaining("ann"); got != 5*time.Minute {
		t.Errorf("at a replica that started later: %v", got)
	}
	if got := later.Remaining("bob"); got != 0 {
		t.Errorf("a player without departures waits %v", got)
	}
	now = now.Add(window + time.Second)
	if got := replicas[0].Remaining("ann"); got != 0 {
		t.Errorf("after an hour: %v", got)
	}
	if replicas[0].sweep(); len(replicas[0].players) != 0 {
		t.Error("the player is still remembered")
	}
	if err := replicas[0].Add(t.Context(), "ann", "m-new"); err != nil || replicas[0].Remaining("ann") != 0 {
		t.Errorf("the first departure of a new hour: %v, %v", err, replicas[0].Remaining("ann"))
	}
}
