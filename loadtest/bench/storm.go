//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/bench/clients"
	"tactus/loadtest/workload"
)

// The storm: all connections but those of a few witnesses are reset at once, and the
// players come back at once.
const (
	stormClients   = 2000
	stormPerMatch  = 16
	stormWitnesses = 16
	// maxStormSeconds is how long the last player may need.
	maxStormSeconds = 10
)

// storm measures what a storm of reconnects over TLS costs, and what other players of
// the same server notice of it.
func (s *suite) storm(ctx context.Context) (*result, error) {
	n := s.sizesOr([]int{stormClients})[0]
	if err := errors.Join(makeCertificate(), raiseFileLimit(uint64(2*n+500))); err != nil {
		return nil, err
	}
	window := max(s.window, stormWindow)
	r := s.result("storm", fmt.Sprintf("%d players lose their connections and come back at once, over TLS", n), window)
	last := fact{Name: "all are back", Unit: "s", About: "from the reset of the first connection to the last welcome"}
	half := fact{Name: "half of them", Unit: "s"}
	cpu := fact{Name: "CPU of the server", Unit: "ms a player", About: "handshakes, hello and welcome"}
	gap := fact{Name: "gap p99 of other players", Unit: "ms", About: fmt.Sprintf("%d in a match of the same server, at 30 Hz", stormWitnesses)}
	longest := fact{Name: "longest gap of other players", Unit: "ms"}
	failed := 0
	for range s.repeats {
		m, err := s.stormOnce(ctx, n, window)
		if err != nil {
			return nil, err
		}
		last.Runs, half.Runs = append(last.Runs, m.last.Seconds()), append(half.Runs, m.half.Seconds())
		cpu.Runs = append(cpu.Runs, m.cpu.Seconds()*1e3/float64(n))
		gap.Runs, longest.Runs = append(gap.Runs, gapOf(m.report)), append(longest.Runs, m.report.GapMS.Max)
		failed += m.failed
	}
	r.Facts = []fact{last, half, cpu, gap, longest}
	r.Marks = []mark{
		atMost("players that are not back", float64(failed), 0),
		atMost("seconds until all are back", median(last.Runs), maxStormSeconds),
	}
	r.Notes = append(r.Notes, "players and witnesses share a core with each other, which their side of the handshakes fills: a storm from other machines is shorter")
	return r, nil
}

// stormWindow is how long the witnesses are measured; the storm begins in it.
const stormWindow = 12 * time.Second

// stormRun is one storm.
type stormRun struct {
	last, half, cpu time.Duration
	failed          int
	report          *loadtest.Report // of the witnesses
}

func (s *suite) stormOnce(ctx context.Context, n int, window time.Duration) (m stormRun, err error) {
	s.say("Tactus, %d players come back at once", n)
	t, err := startTactusAs(ctx, s.pins, tactusPlan{program: program, secure: true, flags: []string{"--max-players", fmt.Sprint(n + 100), "--max-matches", fmt.Sprint(n)}})
	if err != nil {
		return m, err
	}
	defer t.stop()
	roots := x509.NewCertPool()
	text, err := os.ReadFile(certFile)
	if err != nil || !roots.AppendCertsFromPEM(text) {
		return m, errors.Join(errors.New("no certificate"), err)
	}
	crowd, err := clients.Gather(ctx, clients.GatherConfig{
		Dialect: clients.NewSilent(t.public, workload.RoomsGame, workload.ModeIdle, stormPerMatch),
		Clients: n, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
	})
	if err != nil {
		return m, err
	}
	defer crowd.Close()
	var watching sync.WaitGroup
	var watchErr error
	l := load{game: workload.RoomsGame, mode: workload.ModeRooms, clients: stormWitnesses, perMatch: stormWitnesses, window: window}
	watching.Go(func() { m.report, watchErr = measure(ctx, t, l, s.pins.load) })
	select {
	case <-ctx.Done():
		return m, ctx.Err()
	case <-time.After(l.rampTime() + l.warmUp() + window/6):
	}
	before, err := takeUsage(t.pid())
	if err != nil {
		return m, err
	}
	times := crowd.Return(ctx)
	after, err := takeUsage(t.pid())
	watching.Wait()
	if err := errors.Join(err, watchErr); err != nil {
		return m, err
	}
	m.cpu, m.failed = after.all-before.all, n-len(times)
	if slices.Sort(times); len(times) > 0 {
		m.last, m.half = times[len(times)-1], times[len(times)/2]
	}
	return m, nil
}
