//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/workload"
)

// keepsUp is the rule of capacity: whether clients get their snapshots, in the median
// of the runs. The echo is part of it, since gaps still look fine while inputs go
// stale. An echo that is not measured is 0.
func (r *row) keepsUp() bool {
	return r.delivers() && median(r.each(ticks(echoOf))) <= 2
}

// delivers is the rule without echoes.
func (r *row) delivers() bool {
	return median(r.each(deliveredOf)) >= fullDelivery && median(r.each(ticks(gapOf))) <= 1.5
}

// sweepSizes are the numbers of clients of the plot. The capacity is one of them.
var sweepSizes = []int{100, 400, 800, 1600, 3000, 3600}

// repeatedFrom is the smallest size that is measured several times. The sizes from it
// on decide the capacity.
const repeatedFrom = 3000

// capacitySearch measures one system with more and more clients.
type capacitySearch struct {
	name      string
	most      int // clients of the last size that is tried
	measure   func(context.Context, load) (*loadtest.Report, error)
	witnesses []witnessReport
	full      bool
	capacity  int
}

// capacitySearches returns a search for each system of the sweep. Those of peers end
// where they are known to be full, long before the last size.
func (s *suite) capacitySearches() []*capacitySearch {
	largest := sweepSizes[len(sweepSizes)-1]
	list := []*capacitySearch{
		{name: floorName, most: largest, measure: func(ctx context.Context, l load) (*loadtest.Report, error) {
			return s.onFloor(ctx, floorPlan{game: workload.Rooms, groups: 1, bytes: floorBytes}, l)
		}},
	}
	tactus := &capacitySearch{name: tactusName, most: largest}
	tactus.measure = func(ctx context.Context, l load) (*loadtest.Report, error) {
		if l.clients < repeatedFrom {
			return s.onTactus(ctx, l)
		}
		report, seen, err := s.witnessed(ctx, l)
		tactus.witnesses = append(tactus.witnesses, witnessReport{l.clients, seen})
		return report, err
	}
	list = append(list, tactus)
	for _, p := range peers {
		list = append(list, &capacitySearch{name: p.name, most: 1600, measure: func(ctx context.Context, l load) (*loadtest.Report, error) {
			return s.onPeer(ctx, p, l)
		}})
	}
	return list
}

// witnesses is the number of bots beside a large load that have a load tester of their
// own. It has little to do, so that it reads all of their snapshots in time, also when
// the other load tester is at its limit.
const witnesses = 16

// witnessReport is what the witnesses of a load got.
type witnessReport struct {
	clients int
	seen    *loadtest.Report
}

// witnessed measures Tactus under a load, and what witnesses get meanwhile.
func (s *suite) witnessed(ctx context.Context, l load) (report, seen *loadtest.Report, err error) {
	s.say("Tactus, %d clients and %d witnesses, %v", l.clients, witnesses, l.window)
	t, err := startTactus(ctx, s.pins)
	if err != nil {
		return nil, nil, err
	}
	defer t.stop()
	few := l
	few.clients, few.extra = witnesses, []string{"--seed", "2"}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching := make(chan error, 1)
	go func() {
		// Both windows begin at the same time.
		timer := time.NewTimer(l.rampTime() + l.warmUp() - few.rampTime() - few.warmUp())
		defer timer.Stop()
		select {
		case <-ctx.Done():
			watching <- ctx.Err()
			return
		case <-timer.C:
		}
		r, err := measure(ctx, t, few, s.pins.load)
		seen = r
		watching <- err
	}()
	report, err = measure(ctx, t, l, s.pins.load)
	if err != nil {
		cancel()
	}
	return report, seen, errors.Join(err, <-watching)
}

// witnessesKeepUp reports whether the witnesses at a size, if any, got their snapshots.
// The figures of a load tester at its limit are no evidence alone.
func (c *capacitySearch) witnessesKeepUp(clients int) bool {
	var r row
	for _, w := range c.witnesses {
		if w.clients == clients {
			r.Runs = append(r.Runs, w.seen)
		}
	}
	return len(r.Runs) == 0 || r.keepsUp()
}

// facts returns what the witnesses of each size got.
func (c *capacitySearch) facts() (list []fact) {
	for _, w := range c.witnesses {
		at := len(list) - 2
		if name := fmt.Sprintf("gap p99 of %d witnesses at %d", witnesses, w.clients); at < 0 || list[at].Name != name {
			at = len(list)
			list = append(list, fact{Name: name, Unit: "ms", About: "bots of a load tester of their own, which is never late"},
				fact{Name: fmt.Sprintf("echo p99 of %d witnesses at %d", witnesses, w.clients), Unit: "ms"})
		}
		list[at].Runs, list[at+1].Runs = append(list[at].Runs, w.seen.GapMS.P99), append(list[at+1].Runs, w.seen.EchoMS.P99)
	}
	return list
}

func (s *suite) sweepRepeats(clients int) int {
	if clients < repeatedFrom {
		return 1
	}
	return s.repeats
}

// sweep measures the cost per client for more and more clients, until a system can't
// keep up.
func (s *suite) sweep(ctx context.Context) (*result, error) {
	l := rooms(s).load
	l.window = max(time.Second, s.window/5)
	r := s.result("sweep", "W1 with more and more clients, in matches of 16", l.window)
	systems := s.capacitySearches()
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
			if system.full = !line.keepsUp() || !system.witnessesKeepUp(l.clients); !system.full {
				system.capacity = l.clients
			}
		}
	}
	for _, system := range systems {
		r.Facts = append(r.Facts, fact{
			Name: "capacity of " + system.name, Unit: "clients", Runs: []float64{float64(system.capacity)},
		})
		if system.name == tactusName {
			r.Facts = append(r.Facts, system.facts()...)
			r.Marks = []mark{atLeast("clients of W1 on one core", float64(system.capacity), 3000)}
		}
	}
	r.Notes = append(r.Notes, fmt.Sprintf("capacity is the largest of these sizes with delivered at least 0.99, gap p99 at most 1.5 ticks and echo p99 at most 2 ticks, in the median where a size is measured several times (from %d on), there for the witnesses, too", repeatedFrom))
	return r, nil
}
