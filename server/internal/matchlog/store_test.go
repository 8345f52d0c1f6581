package matchlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/game"
)

func TestHeader_fileName(t *testing.T) {
	h := Header{Match: "../../etc/ä b", Game: "drift", Mode: "open", Started: started.In(time.FixedZone("elsewhere", 3600))}
	if got, want := h.FileName(), "20261122T143005Z-drift-open-______etc___b.tlog"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStore_withoutFolderDropsAll(t *testing.T) {
	s, err := NewStore(Config{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	p := begin(t, s, drift{}, "m1", 1)
	for range 100 {
		p.tick()
	}
	p.log.Close("over")
	if err := s.Close(); err != nil || s.Stats() != (Stats{}) {
		t.Errorf("%+v, %v", s.Stats(), err)
	}
}

func TestStore_unusableFolderIsAnErrorAtStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewStore(Config{Dir: file}, zap.NewNop()); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestStore_manyMatchesAtOnce(t *testing.T) {
	r := newRig(t, Config{})
	const matches = 20
	var running sync.WaitGroup
	for i := range matches {
		running.Go(func() { r.play(drift{}, fmt.Sprint("m", i), uint64(i), 150) })
	}
	running.Wait()
	r.close()
	if stats := r.store.Stats(); stats.Done != matches || stats.Broken != 0 || stats.Open != 0 || stats.Bytes == 0 {
		t.Errorf("%+v", stats)
	}
	for _, name := range r.files() {
		if report, err := Verify(ctx, filepath.Join(r.dir, name), games(drift{})); err != nil || report.Ticks != 150 || report.Truncated {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

func TestStore_closeKeepsWhatWasLogged(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 100 { // five seconds, so that all but the last is handed over
		p.tick()
	}
	r.close()
	p.tick()
	p.log.Close("too late")
	report, err := Verify(ctx, r.only(), games(drift{}))
	if err != nil || !report.Truncated || report.Ticks != 100 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := r.store.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
}

func TestStore_deletesOldLogsByCount(t *testing.T) {
	r := newRig(t, Config{MaxFiles: 3})
	running := begin(t, r.store, drift{}, "a-running", 1)
	for i := range 6 {
		r.play(drift{}, fmt.Sprint("m", i), 1, 5)
	}
	running.log.Close("over")
	r.close()
	if got := matchesOf(r.files()); !slices.Equal(got, []string{"a-running", "m4", "m5"}) {
		t.Errorf("kept %v", got)
	}
	if deleted := r.store.Stats().Deleted; deleted != 4 {
		t.Errorf("%d deleted, want 4", deleted)
	}
}

func matchesOf(names []string) (matches []string) {
	for _, n := range names {
		matches = append(matches, strings.TrimSuffix(strings.SplitN(n, "-", 4)[3], suffix))
	}
	return matches
}

func TestStore_runningLogIsNotDeleted(t *testing.T) {
	r := newRig(t, Config{MaxFiles: 2})
	running := begin(t, r.store, drift{}, "a-running", 1)
	for range 30 {
		running.tick()
	}
	for i := range 4 {
		r.play(drift{}, fmt.Sprint("m", i), 1, 5)
	}
	r.close() // still running
	if got := matchesOf(r.files()); !slices.Equal(got, []string{"a-running", "m3"}) {
		t.Errorf("kept %v", got)
	}
}

func TestStore_deletesOldLogsByBytes(t *testing.T) {
	size := int64(len(logOf(t, 200)))
	r := newRig(t, Config{MaxBytes: 3*size + size/2})
	for i := range 6 {
		r.play(drift{}, fmt.Sprint("m", i), 42, 200)
	}
	r.close()
	if got := matchesOf(r.files()); !slices.Equal(got, []string{"m3", "m4", "m5"}) {
		t.Errorf("kept %v", got)
	}
}

func TestStore_runningLogsAreBoundedByBytes(t *testing.T) {
	const limit = 20_000
	r := newRig(t, Config{MaxBytes: limit})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 3000 {
		p.tick()
	}
	p.log.Close("over")
	r.close()
	if stats := r.store.Stats(); stats.Broken != 1 {
		t.Errorf("%+v", stats)
	}
	total := int64(0)
	for _, name := range r.files() {
		info, err := os.Stat(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > limit {
		t.Errorf("%d bytes on the disk, the limit is %d", total, limit)
	}
}

func TestStore_keepsLogsThatOthersWrite(t *testing.T) {
	dir := t.TempDir()
	fresh := filepath.Join(dir, "20250101T000000Z-drift-open-fresh.tlog")
	old := filepath.Join(dir, "20250101T000000Z-drift-open-old.tlog")
	other := filepath.Join(dir, "notes.txt")
	for _, path := range []string{fresh, old, other} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	if err := errors.Join(os.Chtimes(old, past, past), os.Chtimes(other, past, past)); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Config{Dir: dir, MaxFiles: 1})
	r.close()
	if got := r.files(); !slices.Equal(got, []string{filepath.Base(fresh), "notes.txt"}) {
		t.Errorf("left %v", got)
	}
}

// faultyFiles is a disk in memory that can be full, slow or unwritable.
type faultyFiles struct {
	mu      sync.Mutex
	room    int // bytes that still fit
	create  error
	gate    chan struct{} // when not nil, each write waits for it
	names   map[string]int64
	renamed []string
}

var errFull = errors.New("no space left on device")

func newFaultyFiles(room int) *faultyFiles {
	return &faultyFiles{room: room, names: map[string]int64{}}
}

type faultyFile struct {
	files *faultyFiles
	name  string
}

func (f *faultyFiles) Create(name string) (file, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.create != nil {
		return nil, f.create
	}
	f.names[name] = 0
	return &faultyFile{f, name}, nil
}

func (f *faultyFile) Write(b []byte) (int, error) {
	if f.files.gate != nil {
		<-f.files.gate
	}
	f.files.mu.Lock()
	defer f.files.mu.Unlock()
	n := min(len(b), f.files.room)
	f.files.room -= n
	f.files.names[f.name] += int64(n)
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func (f *faultyFile) Close() error { return nil }

func (f *faultyFiles) Rename(name, newName string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[newName] = f.names[name]
	delete(f.names, name)
	f.renamed = append(f.renamed, newName)
	return nil
}

func (f *faultyFiles) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.names, name)
	return nil
}

func (f *faultyFiles) List() (list []logFile, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, size := range f.names {
		list = append(list, logFile{name: name, size: size, changed: time.Now()})
	}
	return list, nil
}

func (f *faultyFiles) Close() error { return nil }

func TestStore_fullDiskBreaksTheLogOnly(t *testing.T) {
	files := newFaultyFiles(6000)
	r := faultyRig(t, files, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 2000 {
		p.tick()
	}
	p.log.Close("over")
	r.close()
	if stats := r.store.Stats(); stats.Broken != 1 || stats.Done != 0 || stats.Open != 0 {
		t.Errorf("%+v", stats)
	}
	if len(files.renamed) != 1 || !strings.HasSuffix(files.renamed[0], "-m1.broken.tlog") {
		t.Errorf("renamed to %v", files.renamed)
	}
	if r.lines.Len() != 1 || !strings.Contains(fmt.Sprint(r.lines.All()[0].ContextMap()), errFull.Error()) {
		t.Errorf("%d lines logged: %v", r.lines.Len(), r.lines.All())
	}
	if p.sim.Tick() != 2000 {
		t.Error("the match did not go on")
	}
}

func TestStore_unwritableDiskBreaksEachLogOnce(t *testing.T) {
	files := newFaultyFiles(1 << 20)
	files.create = os.ErrPermission
	r := faultyRig(t, files, Config{})
	for i := range 3 {
		r.play(drift{}, fmt.Sprint("m", i), 1, 100)
	}
	r.close()
	if stats := r.store.Stats(); stats.Broken != 3 || r.lines.Len() != 3 {
		t.Errorf("%+v, %d lines", stats, r.lines.Len())
	}
}

// TestStore_slowDiskNeverBlocksAMatch stops the disk altogether: the match runs on,
// memory stays bounded, and the log breaks when the bound is reached.
func TestStore_slowDiskNeverBlocksAMatch(t *testing.T) {
	files := newFaultyFiles(1 << 30)
	files.gate = make(chan struct{})
	r := faultyRig(t, files, Config{})
	r.store.room = 100_000
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 20_000 {
		if p.log.broken.Load() {
			break
		}
		p.tick()
	}
	if !p.log.broken.Load() {
		t.Fatal("nothing bounds what waits for the disk")
	}
	r.store.mu.Lock()
	queued := r.store.queued
	r.store.mu.Unlock()
	if queued > r.store.room {
		t.Errorf("%d bytes wait for the disk", queued)
	}
	p.log.Close("over")
	close(files.gate)
	r.close()
	if stats := r.store.Stats(); stats.Broken != 1 || stats.Done != 0 {
		t.Errorf("%+v", stats)
	}
}

// written waits until everything handed over is on the disk.
func (r *rig) written() {
	for {
		r.store.mu.Lock()
		queued := r.store.queued
		r.store.mu.Unlock()
		if queued == 0 {
			return
		}
		runtime.Gosched()
	}
}

// busyTick logs one tick in which everybody's input changes.
func busyTick(p *played) {
	p.sim.Step()
	t := p.sim.Tick()
	var words [2]uint32
	for slot := range game.Slot(8) {
		words[0] = uint32(t) % 4
		words[1] = uint32(slot)
		p.log.Input(slot, int32(t)%16, words[:])
	}
	p.log.Command(1, "trim", nil)
	p.log.Tick(t, p.sim.Hash())
}

// discarding takes everything and allocates nothing.
type discarding struct{ *faultyFiles }

func (discarding) Create(string) (file, error)       { return discarded{}, nil }
func (discarding) List() (list []logFile, err error) { return nil, nil }

type discarded struct{}

func (discarded) Write(b []byte) (int, error) { return len(b), nil }
func (discarded) Close() error                { return nil }

func TestWriter_tickDoesNotAllocate(t *testing.T) {
	r := faultyRig(t, discarding{newFaultyFiles(0)}, Config{MaxBytes: 1 << 40})
	p := begin(t, r.store, drift{}, "m1", 1)
	for slot := range game.Slot(8) {
		p.sim.Join(slot, game.PlayerInfo{})
		p.log.Join(slot, game.PlayerInfo{}, "id", "name")
	}
	// Buffers come back when they are written, so each run waits for that.
	tick := func() { busyTick(p); r.written() }
	checkpoint := func() { p.log.Checkpoint(p.sim); r.written() }
	for range 50 {
		tick()
		checkpoint()
	}
	if allocs := testing.AllocsPerRun(1000, tick); allocs != 0 {
		t.Errorf("%v allocations a tick", allocs)
	}
	if allocs := testing.AllocsPerRun(100, checkpoint); allocs != 0 {
		t.Errorf("%v allocations a checkpoint", allocs)
	}
}

func TestWriter_unchangedInputIsNotLogged(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	input := func(lag int32, words ...uint32) {
		p.sim.SetInput(2, lag, words)
		p.log.Input(2, lag, words)
	}
	join := func() {
		p.sim.Join(2, game.PlayerInfo{})
		p.log.Join(2, game.PlayerInfo{}, "id", "name")
	}
	tick := func() {
		p.sim.Step()
		p.log.Tick(p.sim.Tick(), p.sim.Hash())
	}
	join()
	for range 5 {
		input(1, 2, 3) // logged once
		tick()
	}
	input(2, 2, 3) // logged: another lag
	tick()
	p.sim.Leave(2, game.LeaveQuit)
	p.log.Leave(2, game.LeaveQuit)
	join()
	input(2, 2, 3) // logged: the seat was cleared
	tick()
	p.log.Close("over")
	r.close()
	info, err := Describe(ctx, r.only(), nil)
	if err != nil || info.Inputs != 3 {
		t.Errorf("%d inputs, want 3; %v", info.Inputs, err)
	}
	if _, err := Verify(ctx, r.only(), games(drift{})); err != nil {
		t.Error(err)
	}
}

func BenchmarkTick(b *testing.B) {
	r := faultyRig(b, discarding{newFaultyFiles(0)}, Config{MaxBytes: 1 << 40})
	p := begin(b, r.store, drift{}, "m1", 1)
	var words [2]uint32
	b.ReportAllocs()
	for t := game.Tick(1); b.Loop(); t++ {
		for slot := range game.Slot(8) {
			words[0] = uint32(t) % 4
			p.log.Input(slot, 0, words[:])
		}
		p.log.Tick(t, uint64(t)<<40)
	}
}

// TestWriter_quietMatchHoldsASmallBuffer: a match that logs bare ticks, after a busy
// time too, keeps little memory, and its log is whole.
func TestWriter_quietMatchHoldsASmallBuffer(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	quiet := func(ticks int) {
		for range ticks {
			p.sim.Step()
			p.log.Tick(p.sim.Tick(), p.sim.Hash())
			if n := cap(p.log.buf); n > quietSize && !p.log.busy {
				t.Fatalf("tick %d: a buffer of %d bytes", p.sim.Tick(), n)
			}
		}
	}
	quiet(100)
	for slot := range game.Slot(8) {
		p.sim.Join(slot, game.PlayerInfo{})
		p.log.Join(slot, game.PlayerInfo{}, "id", "name")
	}
	for range 40 {
		p.tick()
	}
	if !p.log.busy {
		t.Error("the match was to be busy")
	}
	quiet(200)
	if p.log.busy {
		t.Error("the match counts as busy still")
	}
	p.log.Close("over")
	r.close()
	if _, err := Verify(ctx, r.only(), games(drift{})); err != nil {
		t.Error(err)
	}
}

// The log of a turn that hangs ends with what the turn has done, and takes nothing that
// it does later.
func TestWriter_abandonedLogEndsAtTheHang(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	for range 30 {
		p.tick()
	}
	p.sim.Leave(3, game.LeaveQuit) // if it is taken
	p.log.Leave(3, game.LeaveQuit)
	p.sim.Join(3, game.PlayerInfo{Team: -1})
	p.log.Join(3, game.PlayerInfo{Team: -1}, "ann", "Ann")
	joins := p.counts.Joins + 1
	p.log.Abandon("game_error")
	p.log.Abandon("game_error")
	p.tick()
	p.log.Close("over")
	r.close()
	info, err := Describe(ctx, r.only(), games(drift{}))
	if err != nil || info.Reason != "game_error" || info.Ticks != 30 || info.Joins != joins || info.Truncated {
		t.Errorf("%+v, %v", info, err)
	}
	if report, err := Verify(ctx, r.only(), games(drift{})); err != nil || report.Ticks != 30 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWriter_abandonWhileRecordsAreWritten(t *testing.T) {
	r := newRig(t, Config{})
	p := begin(t, r.store, drift{}, "m1", 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			p.tick()
		}
	}()
	p.log.Abandon("game_error")
	<-done
	r.close()
	if report, err := Verify(ctx, r.only(), games(drift{})); err != nil || report.Reason != "game_error" {
		t.Errorf("%+v, %v", report, err)
	}
}

// Matches that nobody plays leave no log, and push none out.
func TestStore_keepsNoLogWithoutPlayers(t *testing.T) {
	r := newRig(t, Config{MaxFiles: 2})
	r.play(drift{}, "a-played", 1, 5)
	for i := range 50 {
		p := beginAs(t, r.store, drift{}, Header{Match: fmt.Sprint("empty", i)}, 1, false)
		p.log.Join(0, game.PlayerInfo{Bot: true, Team: -1}, "", "Bot")
		p.log.Close("empty")
	}
	running := beginAs(t, r.store, drift{}, Header{Match: "running"}, 1, false)
	running.log.Join(0, game.PlayerInfo{Bot: true, Team: -1}, "", "Bot")
	r.close()
	if got := matchesOf(r.files()); !slices.Equal(got, []string{"a-played"}) {
		t.Errorf("kept %v", got)
	}
}

// A stranger can open private matches without end; the logs of others stay their time.
func TestStore_privateMatchesPushNoKeptLogOut(t *testing.T) {
	r := newRig(t, Config{MaxFiles: 2})
	kept := beginAs(t, r.store, drift{}, Header{Match: "a-rated", Kept: true}, 1, true)
	kept.log.Close("over")
	for i := range 20 {
		r.play(drift{}, fmt.Sprintf("m%02d", i), 1, 5)
	}
	r.close()
	if got := matchesOf(r.files()); !slices.Equal(got, []string{"a-rated.kept", "m18", "m19"}) {
		t.Errorf("kept %v", got)
	}
}

func TestStore_keptLogsGoWhenTheirTimeIsOver(t *testing.T) {
	r := newRig(t, Config{KeepFor: time.Hour})
	kept := beginAs(t, r.store, drift{}, Header{Match: "a-rated", Kept: true}, 1, true)
	kept.log.Close("over")
	r.close()
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(r.only(), old, old); err != nil {
		t.Fatal(err)
	}
	again := newRig(t, Config{Dir: r.dir, KeepFor: time.Hour})
	again.close()
	if left := again.files(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// A full disk has a cause for the metric and a state for the probes, which ends with the
// next log that can be written.
func TestStore_reportsWhyLogsFail(t *testing.T) {
	var causes []string
	files := newFaultyFiles(1 << 20)
	files.create = os.ErrPermission
	r := faultyRig(t, files, Config{OnBroken: func(cause string) { causes = append(causes, cause) }})
	r.play(drift{}, "m1", 1, 5)
	r.close()
	if !slices.Equal(causes, []string{"permission"}) || !strings.Contains(r.store.Failing(), "permission") {
		t.Errorf("causes %v, failing %q", causes, r.store.Failing())
	}
	for err, want := range map[error]string{
		fmt.Errorf("write: %w", syscall.ENOSPC): "full", syscall.EROFS: "permission", errSlowDisk: "slow", errTooLarge: "too_large", errors.ErrUnsupported: "other",
	} {
		if got := causeOf(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	fine := newRig(t, Config{})
	why := "full"
	fine.store.failing.Store(&why)
	fine.play(drift{}, "m1", 1, 5)
	fine.close()
	if got := fine.store.Failing(); got != "" {
		t.Errorf("failing after a log was written: %q", got)
	}
}
