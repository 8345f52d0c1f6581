//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tactus/loadtest"
	"tactus/loadtest/bench/clients"
	"tactus/loadtest/workload"
)

// W3: silent clients in matches of 16.
const (
	idleClients  = 10_000
	idlePerMatch = 16
	idleArrivals = 800
	idleWarmUp   = 5 * time.Second
)

// idle measures what clients cost that have joined and send nothing.
func (s *suite) idle(ctx context.Context) (*result, error) {
	n := s.sizesOr([]int{idleClients})[0]
	if err := raiseFileLimit(uint64(n) + 500); err != nil {
		return nil, err
	}
	window := max(s.window/2, time.Second)
	r := s.result("w3", fmt.Sprintf("%d silent clients in %d quiet matches", n, (n+idlePerMatch-1)/idlePerMatch), window)
	line := row{System: "Tactus, silent", Clients: n}
	memory := fact{Name: "memory", Unit: "KB a client", About: "resident, less that of an empty server"}
	share := fact{Name: "CPU", Unit: "% of a core", About: "all clients together"}
	empty := fact{Name: "empty server", Unit: "MB resident"}
	for range s.idleRepeats() {
		m, err := s.idleOnce(ctx, n, window)
		if err != nil {
			return nil, err
		}
		line.Runs = append(line.Runs, m.report)
		memory.Runs = append(memory.Runs, float64(m.full-m.empty)/1024/float64(n))
		share.Runs = append(share.Runs, cpuOf(m.report)*float64(n*m.report.TickRate)/1e4)
		empty.Runs = append(empty.Runs, float64(m.empty)/(1<<20))
	}
	failed := 0
	for _, report := range line.Runs {
		for _, count := range report.Errors {
			failed += count
		}
	}
	r.Facts = []fact{memory, share, empty}
	r.Marks = []mark{
		atMost("KB a client", median(memory.Runs), 2), atMost("% of a core", median(share.Runs), 5),
		atMost("clients lost or not let in", float64(failed), 0),
	}
	return r, nil
}

// idleRepeats returns how often idle clients are measured: memory hardly varies, and
// 10,000 clients take long to join.
func (s *suite) idleRepeats() int { return min(s.repeats, 2) }

// idleRun is one measurement, with the resident bytes before and with all clients.
type idleRun struct {
	report      *loadtest.Report
	empty, full int64
}

func (s *suite) idleOnce(ctx context.Context, n int, window time.Duration) (m idleRun, err error) {
	s.say("Tactus, %d silent clients, %v", n, window)
	t, err := startTactus(ctx, s.pins, "--max-players", strconv.Itoa(n+100), "--max-matches", strconv.Itoa(n))
	if err != nil {
		return m, err
	}
	defer t.stop()
	if err = t.collectGarbage(ctx); err != nil {
		return m, err
	}
	if m.empty, err = residentMemory(t.pid()); err != nil {
		return m, err
	}
	settled := func(ctx context.Context) error {
		if err := t.collectGarbage(ctx); err != nil {
			return err
		}
		full, err := residentMemory(t.pid())
		m.full = full
		return err
	}
	m.report, err = clients.Run(ctx, clients.Config{
		Dialect: clients.NewSilent(t.public, workload.RoomsGame, workload.ModeIdle, idlePerMatch),
		Clients: n, Rate: workload.RoomsRate, PerSecond: idleArrivals, WarmUp: idleWarmUp, Window: window,
		CPU: func() (time.Duration, error) { return cpuTime(t.pid()) }, Settled: settled,
	})
	return m, err
}

// raiseFileLimit lets this process and its children open n files.
func raiseFileLimit(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur >= n {
		return nil
	}
	limit.Cur = n
	limit.Max = max(limit.Max, n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d open files are needed and can't be had (%w); raise the hard limit, ulimit -Hn", n, err)
	}
	return nil
}
