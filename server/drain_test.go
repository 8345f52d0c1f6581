package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/testtime"
	"tactus/server/internal/match"
)

func TestDrain_logsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		s := newTestServer(t, Config{EmptyTimeout: 25 * time.Second, Linger: time.Millisecond})
		s.drain.log = zap.New(core)
		s.ask(teamMatch("m1", seatFor("a", 0), seatFor("b", 1)))
		s.ask(teamMatch("m2", seatFor("c", 0)))
		s.Drain(time.Hour)
		testtime.Sleep(21 * time.Second)
		if n := logs.FilterMessage("drain goes on").Len(); n != 2 {
			t.Errorf("told %d times in 21 s: %v", n, logs.All())
		}
		first := logs.FilterMessage("draining").All()[0].ContextMap()
		if first["matches"] != int64(2) || first["players"] != int64(3) || first["deadline"] != time.Hour {
			t.Errorf("at the begin: %v", first)
		}
		<-s.drain.done // no seat is claimed, so that the matches end empty
		if all := logs.All(); all[len(all)-1].Message != "drained" {
			t.Errorf("the last line is %v", all[len(all)-1])
		}
	})
}

func TestDrain_logsItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		s := newTestServer(t, Config{EmptyTimeout: time.Hour})
		s.drain.log = zap.New(core)
		s.ask(teamMatch("m1", seatFor("a", 0)))
		s.Drain(15 * time.Second)
		<-s.drain.done
		if all := logs.All(); len(all) != 1 || all[0].Message != "drain deadline has passed; matches end now" || all[0].ContextMap()["matches"] != int64(1) {
			t.Errorf("logs %v", all)
		}
	})
}

// A matchmaker whose stream was broken when a match ended learns that it is over:
// it would take it for lost.
func TestReport_registersRecentlyEndedMatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, Config{EmptyTimeout: time.Second})
		s.ask(teamMatch("m1", seatFor("a", 0)))
		for len(s.Matches()) > 0 {
			testtime.Sleep(time.Second)
		}
		s.matches.recent.add(&match.Status{ID: "failed"}, match.EndError) // that is lost
		if reg := (host{s}).Report().Register(); len(reg.GetMatches()) != 1 || reg.GetMatches()[0].GetMatchId() != "m1" || reg.GetMatches()[0].GetSeats() != 0 {
			t.Errorf("registered with %v", reg.GetMatches())
		}
		testtime.Sleep(recentKept + time.Second)
		if reg := (host{s}).Report().Register(); len(reg.GetMatches()) != 0 {
			t.Errorf("later with %v", reg.GetMatches())
		}
	})
}

func TestServer_countsPlayersWithoutMatchmaker(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := newTestServer(t, Config{Registerer: reg})
	s.ask(teamMatch("m1", seatFor("a", 0), seatFor("b", 1)))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "tactus_players" {
			if got := f.GetMetric()[0].GetGauge().GetValue(); got != 2 {
				t.Errorf("%v players, want 2", got)
			}
			return
		}
	}
	t.Error("no tactus_players")
}
