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

// pair measures Tactus and the floor in turns, the floor with frames of the size
// that Tactus had. A workload of several matches has the floor in a second form,
// with clients spread over the tick as matches are.
func (s *suite) pair(ctx context.Context, p pairing) (*result, error) {
	n := p.load.clients
	tactus, rows := row{System: tactusName, Clients: n}, []row{{System: floorName, Clients: n}}
	groups := []int{1}
	if m := p.load.matches(); m > 1 {
		groups = append(groups, m)
		rows = append(rows, row{System: fmt.Sprintf("%s, spread as %d matches", floorName, m), Clients: n})
	}
	for range s.repeats {
		t, err := s.onTactus(ctx, p.load)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		tactus.Runs = append(tactus.Runs, t)
		var floor float64
		for i, g := range groups {
			f, err := s.onFloor(ctx, floorPlan{game: p.game, groups: g, bytes: frameBytes(t)}, p.load)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			if i == 0 {
				floor = cpuOf(f)
			}
			rows[i].Runs, rows[i].Ratio = append(rows[i].Runs, f), append(rows[i].Ratio, cpuOf(f)/floor)
		}
		tactus.Ratio = append(tactus.Ratio, cpuOf(t)/floor)
	}
	r := s.result(p.name, p.title, p.load.window)
	r.Rows = append(rows, tactus)
	r.Marks = p.marks(&tactus)
	return r, nil
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

// frameBytes is the mean size of a frame that clients received. It goes by rates:
// the ends of a window cut off bytes and frames differently.
func frameBytes(r *loadtest.Report) int {
	return int(r.BytesPerClientS/max(float64(r.TickRate)*r.Delivered, 1) + 0.5)
}

// floorBytes is the size of a frame where Tactus is not measured beside.
const floorBytes = 100
