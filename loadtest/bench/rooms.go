//go:build linux

package main

import (
	"context"
	"fmt"

	"tactus/game"
	"tactus/loadtest"
	"tactus/loadtest/workload"
)

// pairing is a workload in which Tactus and the floor are measured in turns, so
// that what the machine does to one it does to the other.
type pairing struct {
	name, title string
	game        game.Game
	load        load
	marks       func(tactus *row) []mark
}

func rooms(s *suite) pairing {
	return pairing{
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

func crowd(s *suite) pairing {
	return pairing{
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

// matches is how many the load's clients are in.
func (l load) matches() int { return (l.clients + l.perMatch - 1) / l.perMatch }

// measurePair plays one round: Tactus, then the floor with frames of the size
// that Tactus had.
func (s *suite) measurePair(ctx context.Context, g game.Game, l load) (tactus, floor *loadtest.Report, err error) {
	if tactus, err = s.onTactus(ctx, l); err != nil {
		return nil, nil, err
	}
	floor, err = s.onFloor(ctx, floorPlan{game: g, groups: l.matches(), bytes: frameBytes(tactus)}, l)
	return tactus, floor, err
}

func (s *suite) onTactus(ctx context.Context, l load) (*loadtest.Report, error) {
	s.say("Tactus, %d clients, %v", l.clients, l.window)
	t, err := startTactus(ctx, s.pins)
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
	l.game, l.mode, l.perMatch = "", "", 0
	return measure(ctx, f, l, s.pins.load)
}

func (s *suite) pair(ctx context.Context, p pairing) (*result, error) {
	tactus, floor := row{System: tactusName, Clients: p.load.clients}, row{System: floorName, Clients: p.load.clients}
	for range s.repeats {
		t, f, err := s.measurePair(ctx, p.game, p.load)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		tactus.Runs, floor.Runs = append(tactus.Runs, t), append(floor.Runs, f)
		tactus.Ratio = append(tactus.Ratio, cpuOf(t)/cpuOf(f))
		floor.Ratio = append(floor.Ratio, 1)
	}
	r := s.result(p.name, p.title, p.load.window)
	r.Rows = []row{floor, tactus}
	r.Marks = p.marks(&tactus)
	return r, nil
}

// floorForms measures the floor in both its forms: clients spread over the tick
// as matches are, and all at one moment.
func (s *suite) floorForms(ctx context.Context) (*result, error) {
	l := rooms(s).load
	r := s.result("floor", "one read and one write per client and tick, and nothing else (C)", l.window)
	for _, form := range []struct {
		name   string
		groups int
	}{{"floor (C), spread as 25 matches", l.matches()}, {"floor (C), all at one moment", 1}} {
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

// frameBytes is the mean size of a frame that clients received.
func frameBytes(r *loadtest.Report) int {
	return int(r.BytesPerClientS*r.DurationS*float64(r.Clients)/float64(max(r.Snapshots, 1)) + 0.5)
}

// floorBytes is the size of a frame where Tactus is not measured beside.
const floorBytes = 100
