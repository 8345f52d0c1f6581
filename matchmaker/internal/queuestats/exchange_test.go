package queuestats

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/queue"
)

func names(list []queue.Stats) (text string) {
	for _, q := range list {
		text += q.Name + " of " + q.Owner + "; "
	}
	return text
}

func TestExchange_listsTheQueuesOfAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New("a", func(owner string) []queue.Stats { return []queue.Stats{{Name: "duel", Owner: owner}} }, zap.NewNop())
		receive := func(from string, queues ...string) {
			m := message{From: from}
			for _, name := range queues {
				m.Queues = append(m.Queues, queue.Stats{Name: name, Owner: from})
			}
			data, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			e.receive(data)
		}
		receive("a", "echo") // its own message
		receive("b", "arena/ffa", "duel")
		testtime.Sleep(maxAge)
		receive("c", "ranked")
		if got, want := names(e.Queues()), "arena/ffa of b; duel of a; ranked of c; "; got != want {
			t.Errorf("queues %q, want %q", got, want)
		}
		testtime.Sleep(1) // b has been silent for too long
		if got, want := names(e.Queues()), "duel of a; ranked of c; "; got != want {
			t.Errorf("queues %q, want %q", got, want)
		}
	})
}
