//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"tactus/game"
	"tactus/loadtest"
	"tactus/loadtest/workload"
)

// floorComparison is a workload in which Tactus is measured beside the floor.
type floorComparison struct {
	name, title string
	game        game.Game
	load        load
	marks       func(tactus *row) []mark
}

func rooms(s *suite) floorComparison {
	return floorComparison{
		name: "w1", title: "25 matches of 16 players, 30 Hz, everybody moves", game: workload.Rooms,
		load: load{game: workload.RoomsGame, mode: workload.ModeRooms, clients: 400, perMatch: 16, window: s.window},
		marks: func(r *row) []mark {
			return []mark{
				atMost("CPU over the floor's", median(r.Ratio), 1.25),
				atMost("bytes a second and client", median(r.each(bytesOf)), 3500),
				atMost("gap p99, ticks", median(r.each(ticks(gapOf))), 1.1),
				atMost("echo p99, ticks", median(r.each(ticks(echoOf))), 1.5),
			}
		},
	}
}

func crowd(s *suite) floorComparison {
	return floorComparison{
		name: "w2", title: "one match of 200 players, 20 Hz, everybody sees everybody", game: workload.Crowd,
		load: load{game: workload.CrowdGame, mode: workload.ModeCrowd, clients: 200, perMatch: 200, window: s.window},
		marks: func(r *row) []mark {
			return []mark{
				atMost("CPU over the floor's", median(r.Ratio), 1.4),
				atMost("bytes a second and client", median(r.each(bytesOf)), 24000),
			}
		},
	}
}

// matches returns how many matches the load's clients are in.
func (l load) matches() int { return (l.clients + l.perMatch - 1) / l.perMatch }

// onTactus measures a load on a server of its own, with flags.
func (s *suite) onTactus(ctx context.Context, l load, flags ...string) (*loadtest.Report, error) {
	s.say("Tactus, %d clients, %v %s", l.clients, l.window, strings.Join(append(flags, l.extra...), " "))
	t, err := startTactus(ctx, s.pins, flags...)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	return measure(ctx, t, l, s.pins.load)
}

func (s *suite) onFloor(ctx context.Context, plan floorPlan, l load) (*loadtest.Report, error) {
	s.say("floor, %d clients in %d groups, frames of %d bytes, %v", l.clients, plan.groups, plan.bytes, l.window)
	f, err := startFloor(ctx, plan, s.pins.server)
	if err != nil {
		return nil, err
	}
	defer f.stop()
	return measure(ctx, f, l.onFloor(), s.pins.load)
}

// pair measures Tactus and the floor in turns, and then both together for their ratio.
// The floor sends frames of the size that Tactus had.
func (s *suite) pair(ctx context.Context, p floorComparison) (*result, error) {
	n := p.load.clients
	tactus, floor := row{System: tactusName, Clients: n}, row{System: floorName, Clients: n}
	portable := row{System: tactusName + ", portable sockets", Clients: n}
	for range s.repeats {
		t, err := s.onTactus(ctx, p.load)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		plan := floorPlan{game: p.game, groups: 1, bytes: frameBytes(t)}
		f, err := s.onFloor(ctx, plan, p.load)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		ratio, err := s.ratio(ctx, plan, p.load)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		g, err := s.onTactus(ctx, p.load, "--portable-io")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		tactus.Runs, floor.Runs, portable.Runs = append(tactus.Runs, t), append(floor.Runs, f), append(portable.Runs, g)
		tactus.Ratio, floor.Ratio = append(tactus.Ratio, ratio), append(floor.Ratio, 1)
	}
	r := s.result(p.name, p.title, p.load.window)
	r.Rows = []row{floor, tactus, portable}
	r.Notes = append(r.Notes, "portable sockets are those of Go's poller, with goroutines of their own: what other systems have")
	r.Marks = p.marks(&tactus)
	return r, nil
}

// ratio measures Tactus and the floor at the same time, each with all of the load, on
// the same processors. Other load on the machine then affects both alike. In turns,
// runs of the same program differ by a quarter.
func (s *suite) ratio(ctx context.Context, plan floorPlan, l load) (float64, error) {
	s.say("Tactus and the floor at once, %d clients each, %v", l.clients, l.window)
	t, err := startTactus(ctx, s.pins)
	if err != nil {
		return 0, err
	}
	defer t.stop()
	f, err := startFloor(ctx, plan, s.pins.server)
	if err != nil {
		return 0, err
	}
	defer f.stop()
	var tactus, floor *loadtest.Report
	var tactusErr, floorErr error
	var both sync.WaitGroup
	both.Go(func() { tactus, tactusErr = measure(ctx, t, l, s.pins.load) })
	both.Go(func() { floor, floorErr = measure(ctx, f, l.onFloor(), s.pins.load) })
	both.Wait()
	if err := errors.Join(tactusErr, floorErr); err != nil {
		return 0, err
	}
	return cpuOf(tactus) / cpuOf(floor), nil
}

// onFloor returns the same load for a floor, which has one game and no matches.
func (l load) onFloor() load {
	l.game, l.mode, l.perMatch = "", "", 0
	return l
}

// floorForms measures the floor alone, in both its forms.
func (s *suite) floorForms(ctx context.Context) (*result, error) {
	l := rooms(s).load
	r := s.result("floor", "one read and one write per client and tick, and nothing else (C)", l.window)
	for _, form := range []struct {
		name   string
		groups int
	}{{floorName, 1}, {fmt.Sprintf("%s, spread as %d matches", floorName, l.matches()), l.matches()}} {
		line := row{System: form.name, Clients: l.clients}
		for range s.repeats {
			report, err := s.onFloor(ctx, floorPlan{game: workload.Rooms, groups: form.groups, bytes: floorBytes}, l)
			if err != nil {
				return nil, err
			}
			line.Runs = append(line.Runs, report)
		}
		r.Rows = append(r.Rows, line)
	}
	return r, nil
}

// frameBytes returns the mean size of a frame that clients received. It is computed
// from rates, since the ends of a window cut off bytes and frames differently.
func frameBytes(r *loadtest.Report) int {
	return int(r.BytesPerClientS/max(float64(r.TickRate)*r.Delivered, 1) + 0.5)
}

// floorBytes is the size of a frame when Tactus is not measured too.
const floorBytes = 100
