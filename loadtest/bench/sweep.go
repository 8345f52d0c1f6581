//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/workload"
)

// keepsUp is the rule of capacity: from where on clients do not get what they
// should, in the median of the runs. The echo is part of it, since gaps still
// look fine while inputs go stale; where it is not measured it is 0.
func (r *row) keepsUp() bool {
	return r.delivers() && median(r.each(ticks(echoOf))) <= 2
}

// delivers is the part of the rule that does not need echoes.
func (r *row) delivers() bool {
	return median(r.each(deliveredOf)) >= fullDelivery && median(r.each(ticks(gapOf))) <= 1.5
}

// sweepSizes are the numbers of clients that cost is plotted over, and among
// which the capacity is looked for.
var sweepSizes = []int{100, 400, 800, 1600, 3000, 3600}

// surelyFrom is the size from which on a size is measured several times: where
// capacity is decided.
const surelyFrom = 3000

// climber is a system that is tried with more and more clients.
type climber struct {
	name     string
	most     int // not tried beyond
	measure  func(context.Context, load) (*loadtest.Report, error)
	full     bool
	capacity int
}

// climbers are all systems of the sweep. Peers are tried up to where they are
// known to be full, which is long before the last size.
func (s *suite) climbers() []*climber {
	largest := sweepSizes[len(sweepSizes)-1]
	list := []*climber{
		{name: floorName, most: largest, measure: func(ctx context.Context, l load) (*loadtest.Report, error) {
			return s.onFloor(ctx, floorPlan{game: workload.Rooms, groups: 1, bytes: floorBytes}, l)
		}},
		{name: tactusName, most: largest, measure: func(ctx context.Context, l load) (*loadtest.Report, error) { return s.onTactus(ctx, l) }},
	}
	for _, p := range peers {
		list = append(list, &climber{name: p.name, most: 1600, measure: func(ctx context.Context, l load) (*loadtest.Report, error) {
			return s.onPeer(ctx, p, l)
		}})
	}
	return list
}

func (s *suite) sweepRepeats(clients int) int {
	if clients < surelyFrom {
		return 1
	}
	return s.repeats
}

// sweep measures cost per client as clients grow, each system up to where it
// can't keep up.
func (s *suite) sweep(ctx context.Context) (*result, error) {
	l := rooms(s).load
	l.window = max(time.Second, s.window/5)
	r := s.result("sweep", "W1 with more and more clients, in matches of 16", l.window)
	systems := s.climbers()
	for _, l.clients = range s.sizesOr(sweepSizes) {
		for _, system := range systems {
			if system.full || l.clients > system.most {
				continue
			}
			line := row{System: system.name, Clients: l.clients}
			for range s.sweepRepeats(l.clients) {
				report, err := system.measure(ctx, l)
				if err != nil {
					return nil, err
				}
				line.Runs = append(line.Runs, report)
			}
			r.Rows = append(r.Rows, line)
			if system.full = !line.keepsUp(); !system.full {
				system.capacity = l.clients
			}
		}
	}
	for _, system := range systems {
		r.Facts = append(r.Facts, fact{
			Name: "capacity of " + system.name, Unit: "clients", Runs: []float64{float64(system.capacity)},
		})
		if system.name == tactusName {
			r.Marks = []mark{atLeast("clients of W1 on one core", float64(system.capacity), 3000)}
		}
	}
	r.Notes = append(r.Notes, fmt.Sprintf("capacity is the largest of these sizes with delivered at least 0.99, gap p99 at most 1.5 ticks and echo p99 at most 2 ticks, in the median where a size is measured several times (from %d on)", surelyFrom))
	return r, nil
}
