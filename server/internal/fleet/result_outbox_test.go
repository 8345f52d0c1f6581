package fleet

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/testtime"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/metrics"
)

func newTestOutbox(limit int) *resultOutbox {
	return newResultOutbox(limit, metrics.New(prometheus.NewRegistry()), zap.NewNop())
}

func (o *resultOutbox) ended(ids ...string) {
	for _, id := range ids {
		o.add(&fleetv1.MatchEnded{MatchId: id})
	}
}

// unsent lists what a stream has to send now.
func (o *resultOutbox) unsent(t *sender) string {
	var ids []string
	for e := o.next(t); e != nil; e = o.next(t) {
		ids = append(ids, e.GetMatchId())
	}
	return fmt.Sprint(ids)
}

func TestResultOutbox_oneSenderUntilAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTestOutbox(10)
		a, b := o.join(), o.join()
		expect := func(when, wantA, wantB string) {
			t.Helper()
			synctest.Wait()
			if gotA, gotB := o.unsent(a), o.unsent(b); gotA != wantA || gotB != wantB {
				t.Errorf("%s: a tells %s, want %s; b tells %s, want %s", when, gotA, wantA, gotB, wantB)
			}
		}
		o.ended("m1")
		expect("at once", "[m1]", "[]")
		testtime.Sleep(ackTimeout - 1)
		expect("while a has time", "[]", "[]")
		testtime.Sleep(1)
		expect("when a's time is up", "[]", "[m1]")
		testtime.Sleep(ackTimeout)
		expect("when b's time is up", "[m1]", "[]")
		o.leave(a)
		expect("when a is gone", "[]", "[m1]")
		o.leave(b)
		if o.count() != 1 {
			t.Error("forgotten without an acknowledgement")
		}
		back := o.join()
		if got := o.unsent(back); got != "[m1]" {
			t.Errorf("after a reconnect %s is told", got)
		}
		emptied := o.emptied()
		o.ack("m1")
		<-emptied
		testtime.Sleep(10 * ackTimeout)
		if got := o.unsent(back); got != "[]" || o.count() != 0 {
			t.Errorf("after the acknowledgement %s is told", got)
		}
		o.ack("unheard of")
		<-o.emptied()
		o.stop()
	})
}

func TestResultOutbox_unacknowledgedDoNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTestOutbox(1000)
		a := o.join()
		for i := range 3 * maxInFlight {
			o.ended(fmt.Sprint("m", i))
		}
		seen := map[string]bool{}
		for range 3 {
			n := 0
			for e := o.next(a); e != nil; e = o.next(a) {
				seen[e.GetMatchId()] = true
				n++
			}
			if n != maxInFlight {
				t.Fatalf("%d told at once, want %d", n, maxInFlight)
			}
			testtime.Sleep(ackTimeout)
			synctest.Wait()
		}
		if len(seen) != 3*maxInFlight {
			t.Errorf("%d of %d had their turn", len(seen), 3*maxInFlight)
		}
		o.stop()
	})
}

func TestResultOutbox_acknowledgementMakesRoom(t *testing.T) {
	o := newTestOutbox(1000)
	a := o.join()
	for i := range maxInFlight + 1 {
		o.ended(fmt.Sprint("m", i))
	}
	o.unsent(a)
	o.ack("m7")
	if got, want := o.unsent(a), fmt.Sprintf("[m%d]", maxInFlight); got != want {
		t.Errorf("%s is told, want %s", got, want)
	}
	o.stop()
}

func TestResultOutbox_lostMatchGoesToEveryMatchmaker(t *testing.T) {
	for reason, want := range map[string]string{"over": "[m1] [] []", "game_error": "[m1] [m1] [m1]", "shutdown": "[m1] [m1] [m1]"} {
		o := newTestOutbox(10)
		senders := []*sender{o.join(), o.join(), o.join()}
		o.add(&fleetv1.MatchEnded{MatchId: "m1", Reason: reason})
		var got []string
		for _, t := range senders {
			got = append(got, o.unsent(t))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
		o.ack("m1")
		<-o.emptied()
		o.stop()
	}
}

func TestResultOutbox_isBounded(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	registry := prometheus.NewRegistry()
	o := newResultOutbox(3, metrics.New(registry), zap.New(core))
	o.ended("m0", "m1", "m2", "m3", "m4")
	if got := o.unsent(o.join()); got != "[m2 m3 m4]" {
		t.Errorf("%s wait, want the newest three", got)
	}
	o.ended("m5") // the oldest goes, though it is in flight
	o.ack("m4")
	if o.count() != 2 || logs.Len() != 3 || logs.All()[2].ContextMap()["match"] != "m2" {
		t.Errorf("%d wait, log %v", o.count(), logs.All())
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
	o.stop()
}

func TestResultOutbox_reopenedRoomSendsLastResult(t *testing.T) {
	o := newTestOutbox(3)
	o.add(&fleetv1.MatchEnded{MatchId: "room", DurationS: 1})
	o.add(&fleetv1.MatchEnded{MatchId: "room", DurationS: 2})
	if e := o.next(o.join()); e.GetDurationS() != 2 || o.count() != 1 {
		t.Errorf("told %v, %d wait", e, o.count())
	}
	o.stop()
}
