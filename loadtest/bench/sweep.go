//go:build linux

package main

import (
	"context"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/workload"
)

// keepsUp is the rule of capacity: from where on clients do not get what they
// should. The echo is part of it, since gaps still look fine while inputs go
// stale; where it is not measured it is 0.
func keepsUp(r *loadtest.Report) bool {
	return r.Delivered >= fullDelivery && ticks(gapOf)(r) <= 1.5 && ticks(echoOf)(r) <= 2
}

// sweepSizes are the numbers of clients that cost is plotted over, and among
// which the capacity is looked for.
var sweepSizes = []int{100, 400, 800, 1600, 2400, 3000, 3600}

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
		{name: tactusName, most: largest, measure: s.onTactus},
	}
	for _, p := range peers {
		list = append(list, &climber{name: p.name, most: 1600, measure: func(ctx context.Context, l load) (*loadtest.Report, error) {
			return s.onPeer(ctx, p, l)
		}})
	}
	return list
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
			report, err := system.measure(ctx, l)
			if err != nil {
				return nil, err
			}
			r.Rows = append(r.Rows, row{System: system.name, Clients: l.clients, Runs: []*loadtest.Report{report}})
			if system.full = !keepsUp(report); !system.full {
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
	r.Notes = append(r.Notes, "capacity is the largest of these sizes with delivered at least 0.99, gap p99 at most 1.5 ticks and echo p99 at most 2 ticks")
	return r, nil
}
