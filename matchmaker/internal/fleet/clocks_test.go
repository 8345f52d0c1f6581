package fleet

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// clocksRig is a registry whose log can be read.
func clocksRig(servers ...string) (*Registry, map[string]*server, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	r := newTestRegistry()
	r.log = zap.New(core)
	all := make(map[string]*server)
	for _, id := range servers {
		all[id] = add(r, register(id), nil)
	}
	return r, all, logs
}

// reportClock has a server report that its clock is ahead of the matchmaker's.
func reportClock(r *Registry, s *server, ahead time.Duration) {
	ms := -ahead.Milliseconds() // servers report how far the matchmaker is ahead
	r.load(s, &fleetv1.Load{ClockOffsetMs: &ms})
}

func count(logs *observer.ObservedLogs, event string) int { return logs.FilterMessage(event).Len() }

const (
	eventDiffers = "clock of a game server differs from the matchmaker's"
	eventAgrees  = "clock of a game server agrees again"
	eventOwn     = "clock of this matchmaker is off: most game servers differ from it alike; none is passed over for that"
)

func TestClocks_serverWithAWrongClockIsLastOrExcluded(t *testing.T) {
	for _, c := range []struct {
		ahead      time.Duration
		last, none bool
	}{
		{0, false, false},
		{1900 * time.Millisecond, false, false},
		{-1900 * time.Millisecond, false, false},
		{2100 * time.Millisecond, true, false},
		{-2100 * time.Millisecond, true, false},
		{3 * time.Minute, true, false},
		{4*time.Minute + time.Second, true, true},
		{-5 * time.Hour, true, true},
	} {
		r, servers, logs := clocksRig("s1", "s2")
		reportClock(r, servers["s1"], c.ahead)
		for range 3 {
			reportClock(r, servers["s1"], c.ahead) // is logged once
		}
		for _, s := range r.View(ffa).Servers {
			if off := s.ID == "s1"; s.Unresponsive != (off && c.last) || s.Draining != (off && c.none) {
				t.Errorf("%s ahead: %+v", c.ahead, s)
			}
		}
		if id, ok := r.Pick(ffa, "", "1", "", 1); !ok || c.last && id != "s2" {
			t.Errorf("%s ahead: a match is opened on %q", c.ahead, id)
		}
		if _, err := r.Reserve("s1", request("r1", "m1", 1)); errors.Is(err, ErrClock) != c.none {
			t.Errorf("%s ahead: seats are asked for: %v", c.ahead, err)
		}
		if got := count(logs, eventDiffers); got != map[bool]int{true: 1}[c.last] {
			t.Errorf("%s ahead: logged %d times", c.ahead, got)
		}
		if got := r.ClockOffsets(); len(got) != 1 || got["s1"] != c.ahead.Round(time.Millisecond) {
			t.Errorf("%s ahead: reported as %v", c.ahead, got)
		}
	}
}

func TestClocks_correctedClockIsLoggedOnce(t *testing.T) {
	r, servers, logs := clocksRig("s1")
	for _, ahead := range []time.Duration{3 * time.Second, 1700 * time.Millisecond, 2200 * time.Millisecond, time.Second, 0} {
		reportClock(r, servers["s1"], ahead)
	}
	if count(logs, eventDiffers) != 1 || count(logs, eventAgrees) != 1 {
		t.Errorf("logs %v", logs.All())
	}
	if r.View(ffa).Servers[0].Unresponsive {
		t.Error("the server is still passed over")
	}
}

func TestClocks_ownClockIsOffWhenMostServersAgree(t *testing.T) {
	const minute = time.Minute
	for name, c := range map[string]struct {
		ahead []time.Duration
		own   bool
	}{
		"all alike":                 {[]time.Duration{-minute, -minute - 300*time.Millisecond, -minute + 300*time.Millisecond}, true},
		"most alike":                {[]time.Duration{minute, minute, minute, 0, -minute}, true},
		"minutes":                   {[]time.Duration{10 * minute, 10 * minute, 10 * minute}, true},
		"two are not enough":        {[]time.Duration{minute, minute}, false},
		"half is not most":          {[]time.Duration{0, 0, 0, minute, minute, minute}, false},
		"of different sizes":        {[]time.Duration{minute, 2 * minute, 3 * minute}, false},
		"of different signs":        {[]time.Duration{3 * time.Second, -3 * time.Second, 3 * time.Second, -3 * time.Second}, false},
		"alike, and right":          {[]time.Duration{0, 0, 0, minute}, false},
		"about the limit, no sense": {[]time.Duration{1900 * time.Millisecond, 2100 * time.Millisecond, 2200 * time.Millisecond}, false},
	} {
		r, servers, logs := clocksRig()
		for i, ahead := range c.ahead {
			id := fmt.Sprint("s", i)
			servers[id] = add(r, register(id), nil)
			reportClock(r, servers[id], ahead)
		}
		if got := count(logs, eventOwn); got != map[bool]int{true: 1}[c.own] {
			t.Errorf("%s: logged %d times: %v", name, got, logs.All())
		}
		out := 0
		for _, s := range r.View(ffa).Servers {
			if s.Unresponsive || s.Draining {
				out++
			}
		}
		if c.own && out > 0 || !c.own && out == 0 && name != "alike, and right" {
			t.Errorf("%s: %d servers are passed over", name, out)
		}
		for id, s := range servers { // the clock is set right, or the servers go
			if c.own && id != "s0" {
				reportClock(r, s, 0)
			}
		}
		if c.own && count(logs, "clock of this matchmaker agrees with most game servers again") != 1 {
			t.Errorf("%s: set right, and not logged: %v", name, logs.All())
		}
	}
}

// A real server measures its matchmaker's clock and reports it; both log it.
func TestService_measuresClocks(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	p := startReplica(t, "a", func(c *Config) {
		c.now = func() time.Time { return time.Now().Add(-time.Hour) } // a clock that is an hour slow
	})
	p.log = zap.New(core)
	g := startServer(t, nil, p.addr)
	p.until("the measurement", func() bool { return len(p.ClockOffsets()) > 0 })
	ahead := p.ClockOffsets()[g.id]
	if (ahead - time.Hour).Abs() > time.Second {
		t.Errorf("an hour was measured as %s", ahead)
	}
	if count(logs, eventDiffers) != 1 {
		t.Errorf("logs %v", logs.All())
	}
	_, err := p.Reserve(g.id, request("r1", "m1", 1))
	if !errors.Is(err, ErrClock) {
		t.Errorf("seats are asked for: %v", err)
	}
}
