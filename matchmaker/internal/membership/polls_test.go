package membership

import (
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

func TestPolls_countAsWatcherUntilTheyStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 10 * time.Second
		ps := newPolls()
		first := ps.renew("bob", "a stream", "@a/1")
		if !IsPoll(first) || IsPoll("a stream") {
			t.Fatalf("the watcher is called %q", first)
		}
		for range 9 {
			testtime.Sleep(2 * time.Second)
			if fresh := ps.renew("bob", first, "@a/1"); fresh != "" {
				t.Fatalf("%s is another watcher", fresh)
			}
		}
		testtime.Sleep(2 * time.Second)
		if left := ps.remaining("bob", first, patience); left != patience-2*time.Second {
			t.Errorf("%s left since the last poll", left)
		}
		// Another replica, or a stream, has the member's newest watcher meanwhile.
		second := ps.renew("bob", "another", "@a/1")
		if second == "" || second == first {
			t.Errorf("the watcher after another is called %q", second)
		}
		if left := ps.remaining("bob", first, patience); left != 0 {
			t.Errorf("the first watcher has %s left", left)
		}
		testtime.Sleep(patience)
		if left := ps.remaining("bob", second, patience); left > 0 || len(ps.byHandle) != 0 {
			t.Errorf("%s left without a poll, %d kept", left, len(ps.byHandle))
		}
	})
}
