package requeue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

// open returns priorities, and the players whose entries have been followed.
func open(t *testing.T) (p *Priority, followed <-chan string) {
	t.Helper()
	s := storetest.Embedded(t)
	p, err := New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	players := make(chan string, 16)
	go func() { done <- p.Run(ctx) }()
	go func() {
		done <- p.bucket.Follow(ctx, func(player string, _ *store.Entry) { players <- player })
	}()
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	return p, players
}

func TestPriority_playersOfALostMatchComeFirst(t *testing.T) {
	p, followed := open(t)
	p.Matched("m1", []string{"ann"})
	p.Matched("m1", []string{"bob"}) // came later
	p.Matched("m2", []string{"cem"})
	p.Ended("m2")
	p.Lost("m2") // it has ended regularly
	p.Lost("m1")
	players := []string{<-followed, <-followed}
	if slices.Sort(players); fmt.Sprint(players) != "[ann bob]" {
		t.Errorf("stored for %s", players)
	}
}

func TestPriority_isThatOfAnyPlayer(t *testing.T) {
	p := &Priority{prioritized: map[string]struct{}{"ann": {}}}
	for _, c := range []struct {
		players []string
		want    int
	}{{nil, 0}, {[]string{"bob"}, 0}, {[]string{"bob", "ann"}, 1}} {
		if got := p.Of(c.players); got != c.want {
			t.Errorf("priority of %v is %d", c.players, got)
		}
	}
}

func TestPriority_forgetsTheOldestMatches(t *testing.T) {
	p := &Priority{matches: make(map[string][]string)}
	for i := range rememberedMatches + 10 {
		p.Matched(fmt.Sprint("m", i), []string{"ann"})
	}
	if len(p.matches) != rememberedMatches || len(p.order) != rememberedMatches || p.matches["m9"] != nil || p.matches["m10"] == nil {
		t.Errorf("%d matches are remembered", len(p.matches))
	}
}
