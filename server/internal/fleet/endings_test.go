package fleet

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/metrics"
)

func newTestEndings(limit int) *endings {
	return newEndings(limit, metrics.New(prometheus.NewRegistry()), zap.NewNop())
}

func (es *endings) ended(ids ...string) {
	for _, id := range ids {
		es.add(&fleetv1.MatchEnded{MatchId: id})
	}
}

// tells is what a stream has to tell now.
func (es *endings) tells(t *teller) string {
	var ids []string
	for e := es.next(t); e != nil; e = es.next(t) {
		ids = append(ids, e.GetMatchId())
	}
	return fmt.Sprint(ids)
}

func TestEndedMatchIsToldToOneUntilItIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := newTestEndings(10)
		a, b := es.join(), es.join()
		tell := func(when, wantA, wantB string) {
			t.Helper()
			synctest.Wait()
			if gotA, gotB := es.tells(a), es.tells(b); gotA != wantA || gotB != wantB {
				t.Errorf("%s: a tells %s, want %s; b tells %s, want %s", when, gotA, wantA, gotB, wantB)
			}
		}
		es.ended("m1")
		tell("at once", "[m1]", "[]")
		time.Sleep(ackTimeout - 1)
		tell("while a has time", "[]", "[]")
		time.Sleep(1)
		tell("when a's time is up", "[]", "[m1]")
		time.Sleep(ackTimeout)
		tell("when b's time is up", "[m1]", "[]")
		es.leave(a)
		tell("when a is gone", "[]", "[m1]")
		es.leave(b)
		if es.count() != 1 {
			t.Error("forgotten without an acknowledgement")
		}
		back := es.join()
		if got := es.tells(back); got != "[m1]" {
			t.Errorf("after a reconnect %s is told", got)
		}
		settled := es.settled()
		es.ack("m1")
		<-settled
		time.Sleep(10 * ackTimeout)
		if got := es.tells(back); got != "[]" || es.count() != 0 {
			t.Errorf("after the acknowledgement %s is told", got)
		}
		es.ack("unheard of")
		<-es.settled()
		es.stop()
	})
}

func TestEndingsThatNobodyAcknowledgesDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := newTestEndings(1000)
		a := es.join()
		for i := range 3 * tellAtOnce {
			es.ended(fmt.Sprint("m", i))
		}
		seen := map[string]bool{}
		for range 3 {
			n := 0
			for e := es.next(a); e != nil; e = es.next(a) {
				seen[e.GetMatchId()] = true
				n++
			}
			if n != tellAtOnce {
				t.Fatalf("%d told at once, want %d", n, tellAtOnce)
			}
			time.Sleep(ackTimeout)
			synctest.Wait()
		}
		if len(seen) != 3*tellAtOnce {
			t.Errorf("%d of %d had their turn", len(seen), 3*tellAtOnce)
		}
		es.stop()
	})
}

func TestAcknowledgementMakesRoomForTheNext(t *testing.T) {
	es := newTestEndings(1000)
	a := es.join()
	for i := range tellAtOnce + 1 {
		es.ended(fmt.Sprint("m", i))
	}
	es.tells(a)
	es.ack("m7")
	if got, want := es.tells(a), fmt.Sprintf("[m%d]", tellAtOnce); got != want {
		t.Errorf("%s is told, want %s", got, want)
	}
	es.stop()
}

func TestEveryMatchmakerHearsOfALostMatch(t *testing.T) {
	for reason, want := range map[string]string{"over": "[m1] [] []", "game_error": "[m1] [m1] [m1]", "shutdown": "[m1] [m1] [m1]"} {
		es := newTestEndings(10)
		tellers := []*teller{es.join(), es.join(), es.join()}
		es.add(&fleetv1.MatchEnded{MatchId: "m1", Reason: reason})
		var got []string
		for _, t := range tellers {
			got = append(got, es.tells(t))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
		es.ack("m1")
		<-es.settled()
		es.stop()
	}
}

func TestWaitingEndingsAreBounded(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	registry := prometheus.NewRegistry()
	es := newEndings(3, metrics.New(registry), zap.New(core))
	es.ended("m0", "m1", "m2", "m3", "m4")
	if got := es.tells(es.join()); got != "[m2 m3 m4]" {
		t.Errorf("%s wait, want the newest three", got)
	}
	es.ended("m5") // the oldest goes, though it is being told
	es.ack("m4")
	if es.count() != 2 || logs.Len() != 3 || logs.All()[2].ContextMap()["match"] != "m2" {
		t.Errorf("%d wait, log %v", es.count(), logs.All())
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"tactus_results_dropped_total": 3, "tactus_results_waiting": 2}
	for _, f := range families {
		m := f.GetMetric()[0]
		if v, ok := want[f.GetName()]; ok && m.GetCounter().GetValue()+m.GetGauge().GetValue() != v {
			t.Errorf("%s: %v, want %v", f.GetName(), m, v)
		}
		delete(want, f.GetName())
	}
	if len(want) != 0 {
		t.Errorf("no metrics %v", want)
	}
	es.stop()
}

func TestRoomOpenedAgainTellsItsLastEnd(t *testing.T) {
	es := newTestEndings(3)
	es.add(&fleetv1.MatchEnded{MatchId: "room", DurationS: 1})
	es.add(&fleetv1.MatchEnded{MatchId: "room", DurationS: 2})
	if e := es.next(es.join()); e.GetDurationS() != 2 || es.count() != 1 {
		t.Errorf("told %v, %d wait", e, es.count())
	}
	es.stop()
}
