package matchlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tactus/game"
)

func TestVerify_agreesWithRandomMatches(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := newRig(t, Config{})
			want := r.play(drift{}, "m1", seed, 320)
			r.close()
			report, err := Verify(ctx, r.only(), games(drift{}))
			if err != nil {
				t.Fatal(err)
			}
			if report.Ticks != 320 || report.Hashes != 320 || report.Last != 320 || report.Checkpoints != want.Checkpoints {
				t.Errorf("%+v", report)
			}
			if report.Reason != "over" || report.Truncated {
				t.Errorf("reason %q, truncated %v", report.Reason, report.Truncated)
			}
			if want.Joins == 0 || want.Leaves == 0 || want.Commands == 0 {
				t.Errorf("the match was too quiet to prove anything: %+v", want)
			}
		})
	}
}

func TestVerify_divergenceNamesTheTick(t *testing.T) {
	cases := []struct {
		name           string
		played, replay drift
		lie            game.Tick
		tick           game.Tick
		checkpoint     bool
	}{
		{name: "other rules under the same version", replay: drift{wrongFrom: 137}, tick: 137},
		{name: "wrong hash in the log", lie: 88, tick: 88},
		{name: "state outside the tables", played: drift{hidden: true}, replay: drift{hidden: true}, tick: 51, checkpoint: true},
		{name: "rules that panic", replay: drift{panicAt: 60}, tick: 60},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Config{})
			p := begin(t, r.store, c.played, "m1", 3)
			p.lie = c.lie
			for range 200 {
				p.tick()
			}
			p.log.Close("over")
			r.close()
			_, err := Verify(ctx, r.only(), games(c.replay))
			var diverged *DivergedError
			if !errors.As(err, &diverged) {
				t.Fatalf("got %v", err)
			}
			if diverged.Tick != c.tick || diverged.Checkpoint != c.checkpoint {
				t.Errorf("got tick %d (checkpoint %v), want %d (%v)", diverged.Tick, diverged.Checkpoint, c.tick, c.checkpoint)
			}
			if !strings.Contains(err.Error(), fmt.Sprint("tick ", c.tick)) {
				t.Errorf("the message does not name the tick: %v", err)
			}
		})
	}
}

func TestVerify_ticksWithoutHashAreRunButNotCompared(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 30 {
		p.sim.Step()
		hash := uint64(0)
		if p.sim.Tick()%10 == 0 {
			hash = p.sim.Hash()
		}
		p.log.Tick(p.sim.Tick(), hash)
	}
	p.log.Close("over")
	r.close()
	report, err := Verify(ctx, r.only(), games(drift{}))
	if err != nil || report.Ticks != 30 || report.Hashes != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestVerify_matchThatBeganElsewhere is a log whose first checkpoint is not of tick 0.
func TestVerify_matchThatBeganElsewhere(t *testing.T) {
	r := newRig(t, Config{})
	off, err := NewStore(Config{}, r.store.log)
	if err != nil {
		t.Fatal(err)
	}
	p := begin(t, off, drift{}, "m1", 9)
	for range 70 {
		p.tick()
	}
	p.log = r.store.Create(Header{Match: "m1", Started: started})
	p.log.Checkpoint(p.sim)
	for range 70 {
		p.tick()
	}
	p.log.Close("over")
	r.close()
	report, err := Verify(ctx, r.only(), games(drift{}))
	if err != nil || report.Ticks != 70 || report.Last != 140 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestVerify_rejectsOtherRules(t *testing.T) {
	r := newRig(t, Config{})
	r.play(drift{}, "m1", 1, 10)
	r.close()
	if _, err := Verify(ctx, r.only(), nil); !errors.Is(err, ErrUnknownGame) {
		t.Errorf("unknown game: %v", err)
	}
	if _, err := Verify(ctx, r.only(), games(drift{version: "2"})); !errors.Is(err, ErrOtherRules) {
		t.Errorf("another version: %v", err)
	}
	if _, err := Verify(ctx, r.only(), []game.Game{wider{}}); !errors.Is(err, ErrOtherRules) {
		t.Errorf("another schema: %v", err)
	}
	if _, err := Verify(ctx, r.only()+"x", nil); err == nil {
		t.Error("a missing file was verified")
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Verify(canceled, r.only(), games(drift{})); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// wider is drift with a table more.
type wider struct{ drift }

func (w wider) NewWorld(cfg game.MatchConfig) game.World {
	world := w.drift.NewWorld(cfg)
	game.NewEvents[gust](world.Tables(), "more", 4)
	return world
}

func TestVerify_detectsEveryFlippedByte(t *testing.T) {
	good := logOf(t, 20)
	if _, err := verify(ctx, bytes.NewReader(good), int64(len(good)), games(drift{})); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		report, err := verify(ctx, bytes.NewReader(bad), int64(len(bad)), games(drift{}))
		if err == nil && !report.Truncated {
			t.Fatalf("byte %d of %d can be anything", i, len(good))
		}
	}
}

func TestVerify_damageNamesTheTick(t *testing.T) {
	good := logOf(t, 60)
	bad := slices.Clone(good)
	at := bytes.LastIndex(bad, []byte("Störtebeker"))
	bad[at] = 's'
	_, err := verify(ctx, bytes.NewReader(bad), int64(len(bad)), games(drift{}))
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.After == 0 || damaged.After >= 60 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprint("after tick ", damaged.After)) {
		t.Errorf("the message does not name the tick: %v", err)
	}
}

func TestVerify_detectsBytesBehindTheEnd(t *testing.T) {
	bad := append(logOf(t, 5), 0xc0)
	_, err := verify(ctx, bytes.NewReader(bad), int64(len(bad)), games(drift{}))
	var damaged *DamagedError
	if !errors.As(err, &damaged) || damaged.After != 5 {
		t.Fatalf("got %v", err)
	}
}

// TestVerify_truncatedLogIsGoodUpToItsLastTick cuts a log everywhere, as a crash may.
func TestVerify_truncatedLogIsGoodUpToItsLastTick(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	good := logOf(t, 55)
	before := 0
	for cut := range good {
		report, err := verify(ctx, bytes.NewReader(good[:cut]), int64(cut), games(drift{}))
		if errors.Is(err, ErrTruncated) && report.Ticks == 0 && before == 0 {
			continue // not even the header is whole
		}
		if err != nil || !report.Truncated {
			t.Fatalf("cut at %d: %+v, %v", cut, report, err)
		}
		if report.Ticks < before || report.Ticks > before+1 {
			t.Fatalf("cut at %d: %d ticks, one byte less had %d", cut, report.Ticks, before)
		}
		if report.Ticks > before && report.Lost != 0 {
			t.Fatalf("cut right behind tick %d: %d bytes lost", report.Ticks, report.Lost)
		}
		before = report.Ticks
	}
	if before != 55 {
		t.Errorf("without the end %d ticks are readable, want 55", before)
	}
}

func TestReport_isOneLine(t *testing.T) {
	r := newRig(t, Config{})
	r.play(drift{}, "m1", 1, 10)
	r.close()
	report, err := Verify(ctx, r.only(), games(drift{}))
	if err != nil {
		t.Fatal(err)
	}
	want := "match m1 (drift 1, open): 10 ticks run again, 10 hashes and 1 checkpoints agree; ended: over"
	if report.String() != want {
		t.Errorf("got  %s\nwant %s", report, want)
	}
}

func TestDescribe_info(t *testing.T) {
	r := newRig(t, Config{})
	want := r.play(drift{}, "m1", 5, 200)
	r.close()
	info, err := Describe(ctx, r.only(), games(drift{}))
	if err != nil {
		t.Fatal(err)
	}
	if info.Joins != want.Joins || info.Leaves != want.Leaves || info.Commands != want.Commands || info.Checkpoints != want.Checkpoints {
		t.Errorf("got %+v, want %+v", info, want)
	}
	if info.Ticks != 200 || info.Duration.Seconds() != 10 || info.Bytes == 0 || info.Inputs == 0 || info.Reason != "over" || info.Runnable != "" {
		t.Errorf("%+v", info)
	}
	if h := info.Header; h.Match != "m1" || h.Game != "drift" || h.Version != "1" || h.Mode != "open" || h.Seed != 5 || h.Rate != 20 ||
		h.Product != "0.1" || !h.Started.Equal(started) || h.Rules.MaxPlayers != 8 || len(h.Options) != 1 {
		t.Errorf("header %+v", h)
	}
	gone := 0
	for _, p := range info.Players {
		if p.Gone {
			gone++
		}
		if p.Name != "Störtebeker" || p.Player != "id-of-a-player" || p.Gone && p.Left < p.Joined {
			t.Errorf("player %+v", p)
		}
	}
	if len(info.Players) != want.Joins || gone != want.Leaves {
		t.Errorf("%d stays of which %d ended, want %d and %d", len(info.Players), gone, want.Joins, want.Leaves)
	}
	text := info.String()
	for _, part := range []string{"match     m1, drift 1, mode open, seed 5", "200 ticks at 20 Hz, 10s", "end       over"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	if info, err = Describe(ctx, r.only(), nil); err != nil || !strings.Contains(info.Runnable, "not here") {
		t.Errorf("without the game: %q, %v", info.Runnable, err)
	}
}

// TestVerify_crowdedTick fills several buffers within one tick.
func TestVerify_crowdedTick(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 20 {
		p.tick()
	}
	for i := range 2000 {
		args := []int32{int32(i), -1 << 31, 1<<31 - 1}
		p.sim.Command(game.Slot(i%8), "trim", args)
		p.log.Command(game.Slot(i%8), "trim", args)
	}
	p.tick()
	p.log.Close("over")
	r.close()
	report, err := Verify(ctx, r.only(), games(drift{}))
	if err != nil || report.Ticks != 21 {
		t.Errorf("%+v, %v", report, err)
	}
	if info, err := Describe(ctx, r.only(), nil); err != nil || info.Commands < 2000 {
		t.Errorf("%d commands, %v", info.Commands, err)
	}
}

// TestVerify_recordThatIsRefusedNow is a log whose joins no longer fit the rules.
func TestVerify_recordThatIsRefusedNow(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	p.sim.Step()
	p.log.Tick(1, p.sim.Hash())
	p.log.Leave(3, game.LeaveQuit) // nobody sits there
	p.sim.Step()
	p.log.Tick(2, p.sim.Hash())
	p.log.Close("over")
	r.close()
	_, err := Verify(ctx, r.only(), games(drift{}))
	if err == nil || err.Error() != "tick 2 differs: a leave of slot 3 is refused now" {
		t.Errorf("got %v", err)
	}
}

func TestDescribe_howALogEnded(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 40 {
		p.tick()
	}
	r.close()
	info, err := Describe(ctx, r.only(), games(drift{}))
	if err != nil || !info.Truncated || info.Ticks != 40 || !strings.Contains(info.String(), "cut off") {
		t.Errorf("%s, %v", info, err)
	}
	broken := strings.TrimSuffix(r.only(), suffix) + brokenSuffix
	if err := os.Rename(r.only(), broken); err != nil {
		t.Fatal(err)
	}
	info, err = Describe(ctx, broken, games(drift{}))
	if err != nil || !info.Broken || !strings.Contains(info.String(), "broken") {
		t.Errorf("%s, %v", info, err)
	}
	if err := os.WriteFile(broken, []byte("no log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Describe(ctx, broken, nil); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}
