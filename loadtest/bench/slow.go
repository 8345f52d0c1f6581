//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tactus/loadtest"
)

// slowReaders is how many of W1's clients are slow, one in each match.
const slowReaders = 25

// slownesses are the ways to be slow, with descriptions.
var slownesses = []struct {
	kind  loadtest.Slowness
	means string
}{
	{loadtest.SlowBursts, "reading for 2 s of every 10 s"},
	{loadtest.SlowStopped, "never reading again"},
	{loadtest.SlowLink, "reading 2 KB/s"},
}

// besideSlow measures what clients notice of a slow one in their match.
func (s *suite) besideSlow(ctx context.Context) (*result, error) {
	l := rooms(s).load
	// Long enough for readers in bursts to pause and to resume.
	l.window = max(s.window*3/5, time.Second)
	r := s.result("slow", "W1 with a slow reader in each match: what the others get", l.window)
	r.Rows = []row{{System: tactusName + ", nobody slow", Clients: l.clients}}
	for _, how := range slownesses {
		r.Rows = append(r.Rows, row{System: fmt.Sprintf("%s, beside %d %s", tactusName, slowReaders, how.means), Clients: l.clients - slowReaders})
	}
	over := make([][]float64, len(slownesses))
	for range s.repeats {
		l.extra = nil
		alone, err := s.onTactus(ctx, l)
		if err != nil {
			return nil, err
		}
		r.Rows[0].Runs = append(r.Rows[0].Runs, alone)
		for i, how := range slownesses {
			l.extra = []string{"--slow-readers", strconv.Itoa(slowReaders), "--slow-as", string(how.kind)}
			report, err := s.onTactus(ctx, l)
			if err != nil {
				return nil, err
			}
			r.Rows[i+1].Runs = append(r.Rows[i+1].Runs, report)
			over[i] = append(over[i], gapOf(report)/gapOf(alone))
		}
	}
	for i, how := range slownesses {
		r.Marks = append(r.Marks, atMost("gap p99 beside readers "+how.means+", over that without", median(over[i]), 1.1))
	}
	r.Notes = append(r.Notes, "slow readers are not measured, and go on sending inputs")
	return r, nil
}
