package steady

import (
	"slices"
	"testing"
	"time"
)

// wallRig is a wall clock whose machine the test moves.
type wallRig struct {
	*WallClock
	wall     time.Time
	machine  int64
	reported []time.Duration
}

func newWallRig() *wallRig {
	r := &wallRig{wall: time.Unix(1_800_000_000, 0), machine: int64(time.Hour)}
	clock := &Clock{machine: func() int64 { return r.machine }}
	clock.startObserving()
	r.WallClock = &WallClock{clock: clock, read: func() (time.Time, int64) { return r.wall, r.machine }}
	r.start(func(d time.Duration) { r.reported = append(r.reported, d) })
	return r
}

// pass lets time pass, with the checks of a process that runs.
func (r *wallRig) pass(d time.Duration) {
	for ; d > 0; d -= checkInterval {
		r.wall, r.machine = r.wall.Add(checkInterval), r.machine+int64(checkInterval)
		r.clock.observe()
		r.Check()
	}
}

func (r *wallRig) want(t *testing.T, what string, lenient time.Duration, reported ...time.Duration) {
	t.Helper()
	if got := r.Lenient().Sub(r.wall); got != lenient {
		t.Errorf("%s: time for expiry is off the wall clock by %v, want %v", what, got, lenient)
	}
	if !slices.Equal(r.reported, reported) {
		t.Errorf("%s: reported %v, want %v", what, r.reported, reported)
	}
	r.reported = nil
}

func TestWallClock_reportsJumps(t *testing.T) {
	r := newWallRig()
	r.pass(5 * time.Second)
	r.want(t, "at rest", 0)
	r.wall = r.wall.Add(jumpOver)
	r.pass(time.Second)
	r.want(t, "a small correction", 0)
	r.wall = r.wall.Add(time.Hour)
	r.want(t, "forward, noticed by the caller", -time.Hour, time.Hour)
	r.pass(JumpMemory / 2)
	r.wall = r.wall.Add(10 * time.Minute)
	r.pass(time.Second)
	r.want(t, "forward again", -70*time.Minute, 10*time.Minute)
	r.pass(JumpMemory / 2)
	r.want(t, "the first is past", -10*time.Minute)
	r.wall = r.wall.Add(-time.Hour)
	r.pass(time.Second)
	r.want(t, "backward", -10*time.Minute, -time.Hour)
	if j := r.Jumps(); j != (Jumps{Forward: 2, Backward: 1, Last: -time.Hour, Ago: time.Second - checkInterval}) {
		t.Errorf("%+v", j)
	}
	r.pass(JumpMemory)
	r.want(t, "all are past", 0)
}

// A suspended machine's monotonic clock stands still. That of a stopped process runs on.
func TestWallClock_leavesOutAbsences(t *testing.T) {
	r := newWallRig()
	r.wall = r.wall.Add(20 * time.Minute)
	r.want(t, "after a suspend", -20*time.Minute, 20*time.Minute)
	r.pass(JumpMemory)
	const stop = 10 * time.Minute
	r.wall, r.machine = r.wall.Add(stop), r.machine+int64(stop)
	r.want(t, "after SIGSTOP", checkInterval-stop)
	r.pass(JumpMemory)
	r.want(t, "a minute later", 0)
}

func TestWallClock_readsBothClocks(t *testing.T) {
	before := time.Now()
	wall, machine := readClocks()
	after := time.Now()
	if machine < int64(before.Sub(wallBase)) || machine > int64(after.Sub(wallBase)) {
		t.Errorf("machine %d is not between %v and %v", machine, before.Sub(wallBase), after.Sub(wallBase))
	}
	if wall != wall.Round(0) {
		t.Error("the wall time has a monotonic part")
	}
}

func TestWallClock_isTheSystemsUntilWatched(t *testing.T) {
	r := newWallRig()
	r.watched = false
	r.wall = r.wall.Add(time.Hour)
	if j := r.Jumps(); j != (Jumps{}) || r.Lenient().Before(time.Now().Add(-time.Minute)) {
		t.Errorf("%+v", j)
	}
}
