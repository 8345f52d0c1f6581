//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/bench/clients"
)

// W5: the arena's swarm at 20 Hz, see cmd/tactusbench.
const (
	worldGame    = "bench-world"
	worldMode    = "swarm"
	worldPlayers = 3000
)

// worldSizes are tried from the largest down, until one keeps up.
var worldSizes = []int{worldPlayers, 2000, 1200, 600, 300}

// watchers is the number of players that send nothing and count the ships in their
// view.
const watchers = 8

// world measures one match with interest management, with as many players as one core
// can serve.
func (s *suite) world(ctx context.Context) (*result, error) {
	window := max(s.window*3/5, time.Second)
	r := s.result("w5", "one match of the arena's swarm, 20 Hz, interest management", window)
	seen := fact{Name: "ships in view", Unit: "of a player", About: "mean of those who watch, in the last size"}
	held := 0
	for _, n := range s.sizesOr(worldSizes) {
		line := row{System: tactusName, Clients: n}
		seen.Runs = nil
		for range s.repeats {
			report, ships, err := s.onWorld(ctx, n, window)
			if err != nil {
				return nil, err
			}
			line.Runs, seen.Runs = append(line.Runs, report), append(seen.Runs, ships)
		}
		r.Rows = append(r.Rows, line)
		if line.deliversEachTime() {
			held = n
			break
		}
	}
	r.Facts = []fact{seen}
	r.Marks = []mark{atLeast("players in one match", float64(held), worldPlayers)}
	r.Notes = append(r.Notes, "a size holds when delivered is at least 0.99 and the gap's p99 at most 1.5 ticks in every run; sizes are tried from the largest down")
	return r, nil
}

// deliversEachTime reports whether every run delivers. The rule of capacity goes by the
// median, but a world that falls behind in one of three runs is too large.
func (r *row) deliversEachTime() bool {
	for _, run := range r.Runs {
		if one := (&row{Runs: []*loadtest.Report{run}}); !one.delivers() {
			return false
		}
	}
	return true
}

// onWorld fills one match by quick play: with bots and a few watchers.
func (s *suite) onWorld(ctx context.Context, n int, window time.Duration) (report *loadtest.Report, ships float64, err error) {
	s.say("%s, %d players in one world, %v", tactusName, n, window)
	t, err := startTactus(ctx, s.pins, "--option", "seconds=0")
	if err != nil {
		return nil, 0, err
	}
	defer t.stop()
	playing := load{game: worldGame, mode: worldMode, clients: max(n-watchers, 1), window: window}
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan float64, 1)
	go func() {
		defer close(watched)
		// Watchers join while the bots play and stay to the end. The end of their
		// connections is no error.
		count, _ := watch(ctx, t, playing.rampTime()+playing.warmUp())
		watched <- count
	}()
	report, err = measure(ctx, t, playing, s.pins.load)
	cancel()
	ships = <-watched
	if err != nil {
		return nil, 0, fmt.Errorf("w5: %w", err)
	}
	return report, ships, nil
}

// watch joins the world after some time and returns how many ships a player sees.
func watch(ctx context.Context, t *tactusServer, after time.Duration) (float64, error) {
	w := clients.NewWatcher(clients.NewSilent(t.public, worldGame, worldMode, 0), "ship", watchers)
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-timer.C:
	}
	_, err := clients.Run(ctx, clients.Config{
		Dialect: w, Clients: watchers, Rate: 20, PerSecond: 100, WarmUp: time.Hour, Window: time.Second,
		CPU: func() (time.Duration, error) { return cpuTime(t.pid()) },
	})
	return w.Mean(), err
}
