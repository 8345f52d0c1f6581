package main

import (
	"context"
	"fmt"

	"tactus/loadtest"
)

// W5: the arena's swarm, at 20 Hz and with the arena's own 30.
const (
	worldGame    = "bench-world"
	worldPlayers = 3000
)

// worldSizes are tried from the largest down, until one keeps up.
var worldSizes = []int{worldPlayers, 2000, 1200, 600, 300}

// world measures one match with interest management, with as many players as one
// core holds.
func (s *suite) world(ctx context.Context) (*result, error) {
	r := s.result("w5", "one match of the arena's swarm, 20 Hz, interest management", s.window)
	for _, n := range s.sizesOr(worldSizes) {
		line := row{System: tactusName, Clients: n}
		for range s.repeats {
			report, err := s.onWorld(ctx, n)
			if err != nil {
				return nil, err
			}
			line.Runs = append(line.Runs, report)
			if !s.holdsWorld(report) {
				break // this size is too large: no more of it
			}
		}
		r.Rows = append(r.Rows, line)
		if s.holdsWorld(line.Runs[len(line.Runs)-1]) {
			break
		}
	}
	last := &r.Rows[len(r.Rows)-1]
	held := 0.0
	if s.holdsWorld(last.Runs[len(last.Runs)-1]) {
		held = float64(last.Clients)
	}
	r.Marks = []mark{
		atLeast("players in one match with gap p99 of at most 1.5 ticks", held, worldPlayers),
	}
	r.Notes = append(r.Notes, "a size keeps up when delivered is at least 0.99 and the p99 gap at most 1.5 ticks; sizes are tried from the largest down")
	return r, nil
}

func (s *suite) holdsWorld(r *loadtest.Report) bool {
	return r.Delivered >= 0.99 && ticks(gapOf)(r) <= 1.5
}

func (s *suite) onWorld(ctx context.Context, n int) (*loadtest.Report, error) {
	s.say("Tactus, %d players in one world, %v", n, s.window)
	t, err := startTactus(ctx, s.pins, "--option", "seconds=0")
	if err != nil {
		return nil, err
	}
	defer t.stop()
	report, err := measure(ctx, t, load{game: worldGame, mode: "swarm", clients: n, perMatch: n, window: s.window}, s.pins.load)
	if err != nil {
		return nil, fmt.Errorf("w5: %w", err)
	}
	return report, nil
}
