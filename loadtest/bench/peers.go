//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/bench/clients"
	"tactus/loadtest/workload"
)

// peer is another server that plays W1.
type peer struct {
	name    string
	script  string
	dialect func(addr string) clients.Dialect
}

var peers = []peer{
	{"Socket.IO 4.8", "socketio.mjs", func(addr string) clients.Dialect { return clients.SocketIO{Addr: addr} }},
	{"Colyseus 0.18", "colyseus.mjs", func(addr string) clients.Dialect { return clients.Colyseus{Addr: addr} }},
}

// onPeer measures a load on a peer.
func (s *suite) onPeer(ctx context.Context, p peer, l load) (*loadtest.Report, error) {
	s.say("%s, %d clients, %v", p.name, l.clients, l.window)
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	addr := loopback(ports[0])
	child, err := start("peer", s.pins.server, "node", filepath.Join("loadtest", "peers", p.script),
		strconv.Itoa(ports[0]), strconv.Itoa(workload.RoomsRate), strconv.Itoa(l.perMatch))
	if err != nil {
		return nil, err
	}
	defer child.stop()
	if err := child.waitUntilListening(ctx, addr); err != nil {
		return nil, err
	}
	report, err := clients.Run(ctx, clients.Config{
		Dialect: p.dialect(addr), Clients: l.clients, Rate: workload.RoomsRate, PerSecond: arrivals,
		WarmUp: warmUp, Window: l.window, CPU: func() (time.Duration, error) { return cpuTime(child.pid()) },
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return report, nil
}

// comparePeers measures W1 on every peer and on Tactus, in turns.
func (s *suite) comparePeers(ctx context.Context) (*result, error) {
	l := rooms(s).load
	l.window = max(s.window*2/5, time.Second)
	r := s.result("peers", "W1 on other servers, each in its best form", l.window)
	r.Rows = []row{{System: tactusName, Clients: l.clients}}
	for _, p := range peers {
		r.Rows = append(r.Rows, row{System: p.name, Clients: l.clients})
	}
	for range s.repeats {
		report, err := s.onTactus(ctx, l)
		if err != nil {
			return nil, err
		}
		r.Rows[0].Runs = append(r.Rows[0].Runs, report)
		for i, p := range peers {
			if report, err = s.onPeer(ctx, p, l); err != nil {
				return nil, err
			}
			r.Rows[i+1].Runs = append(r.Rows[i+1].Runs, report)
		}
	}
	for i, p := range peers {
		var times []float64
		for run, tactus := range r.Rows[0].Runs {
			times = append(times, cpuOf(r.Rows[i+1].Runs[run])/cpuOf(tactus))
		}
		r.Facts = append(r.Facts, fact{Name: "CPU of " + p.name, Unit: "times that of Tactus", Runs: times})
	}
	r.Marks = []mark{atLeast("CPU of Socket.IO over that of Tactus", median(r.Facts[0].Runs), 3)}
	r.Notes = append(r.Notes, "Colyseus: its states are counted and not decoded, so that its echo is not measured")
	return r, nil
}
