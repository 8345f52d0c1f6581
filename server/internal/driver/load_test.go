package driver

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"tactus/game"
	"tactus/server/internal/match"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/overload"
)

// laden is a match with two players whose ticks cost what the test says, in
// shares of the period: steps, and snapshots.
type laden struct {
	*harness
	registry       *prometheus.Registry
	players        []*matchtest.Client
	step, snapshot float64
}

func newLaden(t *testing.T, process *overload.Process) *laden {
	t.Helper()
	l := &laden{registry: prometheus.NewRegistry()}
	l.harness = newHarnessIn(t, game.Mode{MaxPlayers: 4}, process, l.registry)
	l.players = append(l.players, l.join("ada"), l.join("bob"))
	l.log.OnTick = func() { l.spend(l.step) }
	for _, p := range l.players {
		p.Conn.OnWrite(func() { l.spend(l.snapshot / float64(len(l.players))) })
	}
	return l
}

func (l *laden) spend(share float64) { l.clock.Time += int64(share * float64(matchtest.Period)) }

// run lets the match run by itself for a time of its clock, and returns the
// rungs it stood on.
func (l *laden) run(d time.Duration) []overload.Rung {
	l.t.Helper()
	stood := []overload.Rung{l.d.load.rung}
	for end := l.clock.Time + int64(d); l.clock.Time < end; {
		l.turn()
		for _, p := range l.players {
			p.Speak()
			p.Read()
		}
		if r := l.d.load.rung; r != stood[len(stood)-1] {
			stood = append(stood, r)
		}
	}
	return stood
}

func (l *laden) want(what string, got []overload.Rung, want ...overload.Rung) {
	l.t.Helper()
	if len(got) != len(want) {
		l.t.Fatalf("%s: stood on %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			l.t.Fatalf("%s: stood on %v, want %v", what, got, want)
		}
	}
}

// snapshotShare lets twenty ticks pass and returns how many of them had a
// snapshot.
func (l *laden) snapshotShare() float64 {
	const ticks = 20
	before := l.players[0].Frames
	for range ticks {
		l.players[0].Speak()
		l.turn()
	}
	l.players[0].Read()
	return float64(l.players[0].Frames-before) / ticks
}

func (l *laden) metric(name, label string) float64 {
	l.t.Helper()
	families, err := l.registry.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			matches := f.GetName() == name
			rung := ""
			for _, pair := range m.GetLabel() {
				switch pair.GetName() {
				case "rung":
					rung = pair.GetValue()
				case "scope":
					matches = matches && pair.GetValue() == "match"
				}
			}
			if matches && rung == label {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	l.t.Fatalf("no metric %s for %s", name, label)
	return 0
}

func (l *laden) newcomer() error {
	_, err := l.d.reserve(l.clock.Time, []match.Request{{Player: "cyd", Name: "cyd", Team: -1, Reservation: "rc"}}, int64(time.Second))
	if err == nil {
		l.d.match.Release(l.clock.Time, []string{"rc"})
	}
	return err
}

func TestLoad_costlyTicksDegradeInOrderAndRecover(t *testing.T) {
	l := newLaden(t, nil)
	l.step, l.snapshot = 0.3, 0.2
	l.want("half laden", l.run(20*time.Second), overload.Calm)
	if got := l.snapshotShare(); got != 1 {
		t.Errorf("calm: %v snapshots a tick", got)
	}

	l.snapshot = 0.6
	l.want("0.9 of the matchtest.Period", l.run(20*time.Second), overload.Calm, overload.FarSlower)
	if got := l.snapshotShare(); got != 1 {
		t.Errorf("far tiers slower: %v snapshots a tick", got)
	}

	l.snapshot = 0.75
	l.want("over the matchtest.Period", l.run(30*time.Second), overload.FarSlower, overload.HalfRate)
	if got := l.snapshotShare(); got != 0.5 {
		t.Errorf("half rate: %v snapshots a tick", got)
	}
	if p := l.players[0].Last.Percent; p != 100 {
		t.Errorf("half rate relieves the match, yet its clock runs at %d %%", p)
	}

	l.step = 0.8
	l.want("over it with half the snapshots, too", l.run(30*time.Second), overload.HalfRate, overload.Dilated, overload.NoMatches)
	if p := l.players[0].Last.Percent; p < 79 || p > 81 {
		t.Errorf("dilated: the clock runs at %d %%, want 80", p)
	}
	if err := l.newcomer(); err != nil {
		t.Errorf("dilated: a newcomer is refused: %v", err)
	}

	l.step = 1.5
	l.want("far over it", l.run(30*time.Second), overload.NoMatches, overload.NoJoins)
	if err := l.newcomer(); !errors.Is(err, match.ErrOverloaded) {
		t.Errorf("no joins: a newcomer gets %v", err)
	}
	if l.d.Status().Open {
		t.Error("no joins: the match says that it is open")
	}

	l.step, l.snapshot = 0.2, 0.2
	l.want("light again", l.run(40*time.Second), overload.NoJoins, overload.NoMatches, overload.Dilated,
		overload.HalfRate, overload.FarSlower, overload.Calm)
	if got := l.snapshotShare(); got != 1 {
		t.Errorf("calm again: %v snapshots a tick", got)
	}
	if p := l.players[0].Last.Percent; p != 100 {
		t.Errorf("calm again: the clock runs at %d %%", p)
	}
	if err := l.newcomer(); err != nil || !l.d.Status().Open {
		t.Errorf("calm again: a newcomer gets %v, open %v", err, l.d.Status().Open)
	}
}

func TestLoad_seatedPlayersMayReturnUnderOverload(t *testing.T) {
	l := newLaden(t, nil)
	l.step = 3
	l.run(time.Minute)
	if got := l.d.load.rung; got != overload.NoJoins {
		t.Fatalf("standing on %v, want %v", got, overload.NoJoins)
	}
	if _, err := l.d.reserve(l.clock.Time, []match.Request{{Player: "ada", Name: "ada", Team: -1, Reservation: "again"}}, int64(time.Second)); err != nil {
		t.Errorf("a player with a seat is refused: %v", err)
	}
	l.players[1].Conn.Lose(errors.New("connection reset"))
	l.tick(2)
	back := l.resume(l.players[1], 0)
	l.tick(1) // every second tick has a snapshot, and what goes with it
	back.Read()
	if back.Conn.Code() != 0 || !back.Welcome.Resumed || back.Frames == 0 {
		t.Errorf("a player who comes back: closed %v, resumed %v, %d snapshots", back.Conn.Code(), back.Welcome.Resumed, back.Frames)
	}
}

func TestLoad_cheapTicksDegradeWhenProcessIsStarved(t *testing.T) {
	l := newLaden(t, nil)
	l.step, l.snapshot = 0.01, 0.01
	l.clock.Late = matchtest.Period / 2
	l.want("late by half a matchtest.Period", l.run(20*time.Second), overload.Calm)
	l.clock.Late = matchtest.Period * 9 / 10
	l.want("late by nine tenths", l.run(20*time.Second), overload.Calm, overload.FarSlower)
	l.clock.Late = matchtest.Period * 3 / 2
	l.want("late by more", l.run(30*time.Second), overload.FarSlower, overload.HalfRate, overload.Dilated,
		overload.NoMatches, overload.NoJoins)
	l.clock.Late = 0
	stood := l.run(time.Minute)
	if last := stood[len(stood)-1]; last != overload.Calm {
		t.Errorf("on time again, the match stands on %v", last)
	}
}

func TestLoad_followsTheProcess(t *testing.T) {
	process := &overload.Process{}
	l := newLaden(t, process)
	l.run(time.Second)
	now := int64(1)
	judge := func(pressure float64, want overload.Rung) {
		for process.Rung() != want {
			now += int64(overload.JudgeEvery)
			process.Judge(now, overload.Load{MeanWait: pressure, Worst: pressure})
		}
	}
	judge(2, overload.HalfRate)
	l.run(time.Second)
	if got := l.snapshotShare(); got != 0.5 {
		t.Errorf("in a process on %v: %v snapshots a tick", process.Rung(), got)
	}
	judge(2, overload.NoJoins)
	if err := l.newcomer(); !errors.Is(err, match.ErrOverloaded) {
		t.Errorf("in a process on %v: a newcomer gets %v", process.Rung(), err)
	}
	judge(0, overload.Calm)
	l.want("after its process has recovered", l.run(time.Second), overload.HalfRate, overload.Calm)
}

func TestLoad_countsRungs(t *testing.T) {
	l := newLaden(t, nil)
	rungs := []overload.Rung{overload.FarSlower, overload.HalfRate, overload.Dilated, overload.NoMatches, overload.NoJoins}
	for round := 1; round <= 2; round++ {
		l.step = 3
		l.run(time.Minute)
		for _, r := range rungs {
			if got := l.metric("tactus_overload_climbs_total", r.String()); got != float64(round) {
				t.Errorf("round %d: %v climbs to %v", round, got, r)
			}
		}
		if got := l.metric("tactus_overload_matches", overload.NoJoins.String()); got != 1 {
			t.Errorf("round %d: %v matches on %v", round, got, overload.NoJoins)
		}
		l.step = 0
		l.run(time.Minute)
		if got := l.metric("tactus_overload_matches", overload.Calm.String()); got != 1 {
			t.Errorf("round %d: %v matches on %v", round, got, overload.Calm)
		}
	}
	l.d.match.End(match.EndShutdown)
	l.d.close()
	for r := range overload.Rungs {
		if got := l.metric("tactus_overload_matches", r.String()); got != 0 {
			t.Errorf("after its end, %v matches on %v", got, r)
		}
	}
}

func TestLoad_climbingDoesNotAllocate(t *testing.T) {
	l := newLaden(t, &overload.Process{})
	l.log.OnTick = nil
	l.run(5 * time.Second)
	turn := func() {
		l.clock.Time += 2 * matchtest.Period
		for _, p := range l.players {
			p.Conn.Discard()
			p.Conn.OnWrite(nil)
			p.Conn.Pong()
		}
		l.turn()
	}
	for range 400 {
		turn()
	}
	if l.d.load.rung < overload.HalfRate {
		t.Fatalf("standing on %v; the test is to run on the upper rungs", l.d.load.rung)
	}
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations a tick, want 0", n)
	}
}
