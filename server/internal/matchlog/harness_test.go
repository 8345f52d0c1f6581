package matchlog

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tactus/game"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var started = time.Date(2026, 11, 22, 14, 30, 5, 0, time.UTC)

// rig is a store in a folder of its own, and what it logged for the operator.
type rig struct {
	t     testing.TB
	dir   string
	store *Store
	lines *observer.ObservedLogs
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	core, lines := observer.New(zapcore.WarnLevel)
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	store, err := NewStore(cfg, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &rig{t: t, dir: cfg.Dir, store: store, lines: lines}
}

// faultyRig writes to a file system of the test's making.
func faultyRig(t testing.TB, files fileSystem, cfg Config) *rig {
	t.Helper()
	core, lines := observer.New(zapcore.WarnLevel)
	store := newStore(cfg, files, zap.New(core))
	t.Cleanup(func() { _ = store.Close() })
	return &rig{t: t, store: store, lines: lines}
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.store.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// files returns the names in the folder, sorted.
func (r *rig) files() (names []string) {
	r.t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// only is the path of the folder's one log.
func (r *rig) only() string {
	r.t.Helper()
	names := r.files()
	if len(names) != 1 {
		r.t.Fatalf("logs %v, want one", names)
	}
	return filepath.Join(r.dir, names[0])
}

// played is a match under way, logged as a server does it.
type played struct {
	sim    *game.Simulation
	log    *Writer
	random *rand.Rand
	took   map[game.Slot][]uint32
	counts Info
	// lie changes the hash that is logged for a tick, 0 none.
	lie game.Tick
}

const checkpointEvery = 50

// begin begins a match with players.
func begin(t testing.TB, s *Store, rules drift, match string, seed uint64) *played {
	t.Helper()
	return beginAs(t, s, rules, Header{Match: match}, seed, true)
}

func beginAs(t testing.TB, s *Store, rules drift, h Header, seed uint64, players bool) *played {
	t.Helper()
	info := rules.Info()
	sim, err := game.NewSimulation(rules, game.MatchConfig{
		Mode: info.Modes[0], Seed: seed, Options: []game.Option{{Name: "wind", Value: int32(seed % 7)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Game, h.Mode, h.Started, h.Product = info.Name, "open", started, "0.1"
	p := &played{
		sim: sim, random: rand.New(rand.NewPCG(seed, 1)), took: make(map[game.Slot][]uint32),
		log: s.Create(h),
	}
	p.log.played.Store(players)
	p.log.Checkpoint(sim)
	p.counts.Checkpoints = 1
	return p
}

// tick is one tick of a random match.
func (p *played) tick() {
	for slot := range game.Slot(8) {
		p.border(slot)
	}
	p.sim.Step()
	hash := p.sim.Hash()
	if p.sim.Tick() == p.lie {
		hash ^= 1
	}
	p.log.Tick(p.sim.Tick(), hash)
	if p.sim.Tick()%checkpointEvery == 0 {
		p.log.Checkpoint(p.sim)
		p.counts.Checkpoints++
	}
}

func (p *played) border(slot game.Slot) {
	taken, bot := p.sim.Taken(slot)
	chance := p.random.IntN(100)
	switch {
	case !taken && chance < 20:
		info := game.PlayerInfo{Bot: chance < 5, Team: int32(chance) - 1}
		p.sim.Join(slot, info)
		p.log.Join(slot, info, "id-of-a-player", "Störtebeker")
		p.log.Seal(slot, []byte("0123456789abcdef"))
		p.counts.Joins++
	case taken && chance < 2:
		p.sim.Leave(slot, game.LeaveQuit)
		p.log.Leave(slot, game.LeaveQuit)
		p.counts.Leaves++
	case taken && chance < 5:
		args := []int32{p.random.Int32() - 1<<30}
		p.sim.Command(slot, "trim", args)
		p.log.Command(slot, "trim", args)
		p.counts.Commands++
	case taken && !bot && chance < 60:
		words := []uint32{uint32(p.random.IntN(7) - 3), uint32(p.random.IntN(3) * -1000 / 2)}
		lag := int32(p.random.IntN(3))
		if p.sim.SetInput(slot, lag, words) {
			p.log.Input(slot, lag, words)
		}
	}
}

// play runs a whole match and returns what was in it.
func (r *rig) play(rules drift, match string, seed uint64, ticks int) Info {
	r.t.Helper()
	p := begin(r.t, r.store, rules, match, seed)
	for range ticks {
		p.tick()
	}
	p.log.Close("over")
	return p.counts
}

// logOf is the bytes of a random match's log.
func logOf(t testing.TB, ticks int) []byte {
	t.Helper()
	r := newRig(t, Config{})
	r.play(drift{}, "m1", 42, ticks)
	r.close()
	b, err := os.ReadFile(r.only())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var ctx = context.Background()

func games(rules drift) []game.Game { return []game.Game{rules} }
