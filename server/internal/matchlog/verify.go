package matchlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"tactus/game"
)

// Report is the result of a verification.
type Report struct {
	Header      Header
	Ticks       int       // ticks that were run again
	Hashes      int       // of them compared by hash
	Checkpoints int       // restored, compared and run on from
	Last        game.Tick // the last tick
	Reason      string    // why the match ended; empty in a truncated log
	Truncated   bool      // the log stops before its end
	Lost        int64     // bytes behind the last whole tick of a truncated log
}

// String is one line.
func (r Report) String() string {
	s := fmt.Sprintf("match %s (%s %s, %s): %d ticks run again, %d hashes and %d checkpoints agree",
		r.Header.Match, r.Header.Game, r.Header.Version, r.Header.Mode, r.Ticks, r.Hashes, r.Checkpoints)
	if r.Truncated {
		return s + fmt.Sprintf("; the log stops after tick %d without an end (%d bytes lost)", r.Last, r.Lost)
	}
	return s + "; ended: " + r.Reason
}

// DivergedError reports where a match that was run again differs from its log.
type DivergedError struct {
	Tick game.Tick // the first tick that differs
	// Checkpoint is true where the match itself agrees, but not the one that
	// was restored from the checkpoint of tick Since: some state is not in the
	// tables.
	Checkpoint bool
	Since      game.Tick
	Why        string
}

func (e *DivergedError) Error() string {
	if e.Checkpoint {
		return fmt.Sprintf("tick %d differs after restoring the checkpoint of tick %d: %s", e.Tick, e.Since, e.Why)
	}
	return fmt.Sprintf("tick %d differs: %s", e.Tick, e.Why)
}

// Errors for logs of rules that are not at hand.
var (
	ErrUnknownGame = errors.New("the log is of a game that is not here")
	ErrOtherRules  = errors.New("the log is of other rules")
)

// Verify runs the match of a log again and compares the state's hash at every
// tick, and the state at every checkpoint; from each checkpoint a second match
// is restored and run beside the first. A nil error means that all agreed,
// which for a truncated log is all that is left.
func Verify(ctx context.Context, path string, games []game.Game) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return Report{}, err
	}
	return verify(ctx, f, info.Size(), games)
}

func verify(ctx context.Context, src io.Reader, size int64, games []game.Game) (Report, error) {
	r, err := Read(src)
	if err != nil {
		return Report{}, err
	}
	v := verifier{report: Report{Header: r.Header()}}
	for {
		if err := ctx.Err(); err != nil {
			return v.report, err
		}
		step, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return v.report, nil
		case errors.Is(err, ErrTruncated):
			v.report.Truncated, v.report.Lost = true, size-r.Good()
			return v.report, nil
		case err != nil:
			return v.report, err
		}
		if v.main.sim == nil {
			// Not before: the first step's checksum covers the header.
			if err := v.begin(games); err != nil {
				return v.report, err
			}
		}
		if err := v.step(step); err != nil {
			return v.report, err
		}
	}
}

// rules finds the game of a log and checks that its version and schema are the same.
func rules(h *Header, games []game.Game) (game.Game, error) {
	for _, g := range games {
		info := g.Info()
		if info.Name != h.Game {
			continue
		}
		if info.Version != h.Version {
			return nil, fmt.Errorf("%w: %s %s, here is %s", ErrOtherRules, h.Game, h.Version, info.Version)
		}
		if n := h.Rules.MaxPlayers; n < 1 || n > game.MaxSlots {
			return nil, fmt.Errorf("%w: a match of %d players", ErrOtherRules, n)
		}
		sim, err := simulation(g, h)
		if err != nil {
			return nil, err
		}
		if got := sim.Schema().Hash(); got != h.Schema || info.Input.Stride != h.InputWords {
			return nil, fmt.Errorf("%w: schema %08x, here is %08x", ErrOtherRules, h.Schema, got)
		}
		return g, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnknownGame, h.Game)
}

// simulation makes the match of a log. Rules that panic meanwhile are an error, so that
// one bad log does not end the verification of others.
func simulation(g game.Game, h *Header) (sim *game.Simulation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("making the match panics: %v\n%s", p, debug.Stack())
		}
	}()
	return game.NewSimulation(g, h.config())
}

type verifier struct {
	rules  game.Game
	report Report
	main   runner
	shadow *runner // restored from the last checkpoint, nil before the first
	begun  bool
	state  []byte
}

// runner is one run of the match.
type runner struct {
	sim      *game.Simulation
	restored bool
	since    game.Tick
}

func (v *verifier) begin(games []game.Game) (err error) {
	if v.rules, err = rules(&v.report.Header, games); err != nil {
		return err
	}
	v.main.sim, err = game.NewSimulation(v.rules, v.report.Header.config())
	return err
}

func (v *verifier) step(s *Step) error {
	v.report.Last = s.Tick
	for i := range s.Records {
		rec := &s.Records[i]
		if rec.Kind == KindCheckpoint {
			if err := v.checkpoint(rec); err != nil {
				return err
			}
			continue
		}
		if err := v.both(func(r *runner) error { return r.apply(rec) }); err != nil {
			return err
		}
	}
	if s.End != nil {
		v.report.Reason = s.End.Reason
		return nil
	}
	v.report.Ticks++
	if s.Hash != 0 {
		v.report.Hashes++
	}
	return v.both(func(r *runner) error { return r.run(s) })
}

func (v *verifier) both(do func(*runner) error) error {
	if err := do(&v.main); err != nil || v.shadow == nil {
		return err
	}
	return do(v.shadow)
}

// checkpoint compares a saved state with the match's, restores it and runs a
// second match from there.
func (v *verifier) checkpoint(rec *Record) error {
	if !v.begun && rec.Tick > 0 {
		// A match that came from elsewhere begins with its state.
		if err := v.main.sim.Restore(rec.State); err != nil {
			return &DivergedError{Tick: rec.Tick, Why: err.Error()}
		}
	}
	v.begun = true
	v.report.Checkpoints++
	if v.state = v.main.sim.Save(v.state[:0]); !bytes.Equal(v.state, rec.State) {
		return &DivergedError{Tick: rec.Tick, Why: fmt.Sprintf("the checkpoint's %d bytes are not the state's %d", len(rec.State), len(v.state))}
	}
	sim, err := game.NewSimulation(v.rules, v.report.Header.config())
	if err != nil {
		return err
	}
	if err := sim.Restore(rec.State); err != nil {
		return &DivergedError{Tick: rec.Tick, Checkpoint: true, Since: rec.Tick, Why: err.Error()}
	}
	v.shadow = &runner{sim: sim, restored: true, since: rec.Tick}
	return nil
}

func (r *runner) diverged(why string) error {
	return &DivergedError{Tick: r.sim.Tick(), Checkpoint: r.restored, Since: r.since, Why: why}
}

// apply applies the records of the next tick.
func (r *runner) apply(rec *Record) (err error) {
	defer r.recovered(&err)
	took := true
	switch rec.Kind {
	case KindJoin:
		took = r.sim.Join(rec.Slot, rec.Info)
	case KindLeave:
		took = r.sim.Leave(rec.Slot, rec.Why)
	case KindSeal: // no part of the state
	case KindCommand:
		r.sim.Command(rec.Slot, rec.Name, rec.Args)
	default:
		took = r.sim.SetInput(rec.Slot, rec.Lag, rec.Words)
	}
	if !took {
		return &DivergedError{
			Tick: r.sim.Tick() + 1, Checkpoint: r.restored, Since: r.since,
			Why: fmt.Sprintf("a %s of slot %d is refused now", rec.Kind, rec.Slot),
		}
	}
	return nil
}

func (r *runner) run(s *Step) (err error) {
	defer r.recovered(&err)
	r.sim.Step()
	if r.sim.Tick() != s.Tick {
		return r.diverged(fmt.Sprintf("the log has tick %d here", s.Tick))
	}
	if s.Hash == 0 {
		return nil
	}
	if got := r.sim.Hash(); got != s.Hash {
		return r.diverged(fmt.Sprintf("hash %016x, the log has %016x", got, s.Hash))
	}
	return nil
}

// recovered turns a panic of the rules into an error, so that one bad log does
// not end the verification of others.
func (r *runner) recovered(err *error) {
	if p := recover(); p != nil {
		*err = r.diverged(fmt.Sprintf("the rules panic: %v", p))
	}
}

// String is the record's name in messages.
func (k Kind) String() string {
	names := [...]string{"checkpoint", "tick", "join", "leave", "command", "input", "end", "seal"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("record of kind %d", uint8(k))
}
