package matchmaker

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoPollsIsAWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 10 * time.Second
		ps := newPolls()
		first := ps.note("bob", "a stream", "@a/1")
		if !isPoll(first) || isPoll("a stream") {
			t.Fatalf("the watcher is called %q", first)
		}
		for range 9 {
			time.Sleep(2 * time.Second)
			if fresh := ps.note("bob", first, "@a/1"); fresh != "" {
				t.Fatalf("%s is another watcher", fresh)
			}
		}
		time.Sleep(2 * time.Second)
		if left := ps.left("bob", first, patience); left != patience-2*time.Second {
			t.Errorf("%s left since the last poll", left)
		}
		// Another replica, or a stream, has the member's newest watcher meanwhile.
		second := ps.note("bob", "another", "@a/1")
		if second == "" || second == first {
			t.Errorf("the watcher after another is called %q", second)
		}
		if left := ps.left("bob", first, patience); left != 0 {
			t.Errorf("the first watcher has %s left", left)
		}
		time.Sleep(patience)
		if left := ps.left("bob", second, patience); left > 0 || len(ps.byHandle) != 0 {
			t.Errorf("%s left without a poll, %d kept", left, len(ps.byHandle))
		}
	})
}
