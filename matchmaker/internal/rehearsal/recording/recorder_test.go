package recording

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/internal/testtime"
	"tactus/matchmaker/matchfunc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// party is a group that uses every field.
func party(id string) *matchfunc.Group {
	return &matchfunc.Group{
		ID: id, Created: noon, Priority: 1, Version: "1.2",
		Players:    []matchfunc.Player{{ID: "ann", Skill: 1512.25}, {ID: "bob", Skill: -3}},
		Attributes: map[string][]string{"language": {"en", "de"}, "device": {"pad"}},
		Latency:    map[string]time.Duration{"eu": 23*time.Millisecond + 500*time.Microsecond, "us": 111 * time.Millisecond},
	}
}

func solo(id string) *matchfunc.Group {
	return &matchfunc.Group{ID: id, Created: noon, Players: []matchfunc.Player{{ID: "p-" + id, Skill: 1500}}}
}

func started(t *testing.T, cfg Config) *Recorder {
	t.Helper()
	r, err := New(cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// recorded returns the paths of a folder's recordings, oldest first.
func recorded(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+fileSuffix))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

func read(t *testing.T, path string) *File {
	t.Helper()
	on, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	f, err := Read(filepath.Base(path), on)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// gathered returns the values of a collector with one queue in it.
func gathered(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		values[strings.TrimPrefix(f.GetName(), "tactus_matchmaker_")] = f.GetMetric()[0].GetCounter().GetValue()
	}
	return fmt.Sprint(values)
}

func TestRecorder_writesWhatLoadReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when", "missing")
	r := started(t, Config{Dir: dir, Queue: "ranked", RulesVersion: "abc", KeepIDs: true})
	r.Created(party("t-1"))
	r.Created(solo("t-2"))
	r.Ended("t-1", noon.Add(1500*time.Millisecond), ReasonMatched)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.Created(solo("t-3")) // ignored
	paths := recorded(t, dir)
	if len(paths) != 1 {
		t.Fatalf("files %v, want one", paths)
	}
	if got, want := read(t, paths[0]).Header, (Header{Format: 1, Queue: "ranked", RulesVersion: "abc"}); got != want {
		t.Errorf("header %+v, want %+v", got, want)
	}
	s, err := Load(paths...)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.List) != 2 || s.Orphans != 0 || len(s.Torn) != 0 || s.Queue != "ranked" || fmt.Sprint(s.RulesVersions) != "[abc]" {
		t.Fatalf("read %+v", s)
	}
	want := party("t-1")
	want.ID = ticketHash("t-1")
	if got := s.List[0]; fmt.Sprint(*got.Group) != fmt.Sprint(*want) || got.Reason != ReasonMatched || got.Wait != 1500*time.Millisecond {
		t.Errorf("read %+v %+v\nwant %+v", *got.Group, got, *want)
	}
	if got := s.List[1]; got.Reason != "" || got.Wait != 0 || got.Group.Latency != nil {
		t.Errorf("a search that did not end is %+v", got)
	}
}

// Nobody is known by a recording, and the same player in two files is not
// known to be the same.
func TestRecorder_hidesIdentities(t *testing.T) {
	dir := t.TempDir()
	r := started(t, Config{Dir: dir, Queue: "duel", RulesVersion: "1"})
	r.Created(party("t-secret"))
	r.Created(party("t-other"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = started(t, Config{Dir: dir, Queue: "duel", RulesVersion: "1"})
	r.Created(party("t-third"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	paths := recorded(t, dir)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, identity := range []string{"ann", "bob", "secret", "other", "third"} {
			if strings.Contains(string(text), identity) {
				t.Errorf("%s says %q", path, identity)
			}
		}
	}
	first, second := read(t, paths[0]).Events, read(t, paths[1]).Events
	ann := first[0].Group.Players[0].ID
	if again := first[1].Group.Players[0].ID; again != ann {
		t.Errorf("one player is %s and %s in one file", ann, again)
	}
	if elsewhere := second[0].Group.Players[0].ID; elsewhere == ann {
		t.Errorf("one player is %s in two files", ann)
	}
}

// Files end at their size, the oldest go, and other queues' files are left
// alone.
func TestRecorder_rotatesFiles(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "duel-ranked.20200101T000000.000Z"+fileSuffix)
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := started(t, Config{Dir: dir, Queue: "duel", MaxBytes: 4000, Keep: 3})
	for i := range 200 {
		r.Created(solo(fmt.Sprint("t-", i)))
		r.Ended(fmt.Sprint("t-", i), noon.Add(time.Second), ReasonMatched)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	paths := slices.DeleteFunc(recorded(t, dir), func(path string) bool { return path == other })
	if len(paths) != 3 {
		t.Fatalf("%d files, want 3: %v", len(paths), paths)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another queue's file: %v", err)
	}
	for _, path := range paths[:2] {
		if info, err := os.Stat(path); err != nil || info.Size() < 4000 || info.Size() > 4300 {
			t.Errorf("%s: %v %v, want one line over 4000 bytes at most", path, info.Size(), err)
		}
	}
	s, err := Load(paths...)
	if err != nil {
		t.Fatal(err)
	}
	if last := s.List[len(s.List)-1]; last.Group.ID != ticketHash("t-199") || last.Reason != ReasonMatched {
		t.Errorf("the last search is %+v", last)
	}
	for _, search := range s.List {
		if search.Reason != ReasonMatched {
			t.Errorf("the end of %s was lost between files", search.Group.ID)
		}
	}
}

func TestRecorder_beginsFileForNewRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := started(t, Config{Dir: dir, Queue: "duel", RulesVersion: "old"})
		r.Created(solo("t-1"))
		synctest.Wait()
		r.Rules("new")
		r.Ended("t-1", noon.Add(time.Second), ReasonMatched)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		paths := recorded(t, dir)
		if len(paths) != 2 || read(t, paths[0]).Header.RulesVersion != "old" || read(t, paths[1]).Header.RulesVersion != "new" {
			t.Fatalf("files %v", paths)
		}
		s, err := Load(paths[1], paths[0]) // in any order
		if err != nil || len(s.List) != 1 || s.List[0].Reason != ReasonMatched {
			t.Errorf("read %+v, %v", s, err)
		}
	})
}

// A second after an event it is in the file, so that a crash takes little.
func TestRecorder_flushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := started(t, Config{Dir: dir, Queue: "duel"})
		for round := 1; round <= 2; round++ {
			r.Created(solo(fmt.Sprint("t-", round)))
			testtime.Sleep(flushAfter)
			synctest.Wait()
			if got := len(read(t, recorded(t, dir)[0]).Events); got != round {
				t.Errorf("%d events in the file, want %d", got, round)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A recorder that can't keep up drops, counts and says so; it never holds its
// queue up.
func TestRecorder_dropsWhenBufferIsFull(t *testing.T) {
	dir := t.TempDir()
	metrics := NewMetrics()
	core, logs := observer.New(zap.WarnLevel)
	r := prepare(Config{Dir: dir, Queue: "duel", Buffer: 10, Metrics: metrics}, zap.New(core))
	for i := range 25 { // nobody takes anything out yet
		r.Created(solo(fmt.Sprint("t-", i)))
	}
	if r.Dropped() != 15 {
		t.Errorf("%d dropped, want 15", r.Dropped())
	}
	go r.run()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(read(t, recorded(t, dir)[0]).Events); got != 10 {
		t.Errorf("%d recorded, want 10", got)
	}
	if got, want := gathered(t, metrics), "map[recorded_events_total:10 recording_dropped_total:15]"; got != want {
		t.Errorf("metrics say %s, want %s", got, want)
	}
	if logs.FilterMessage("recording has gaps").FilterField(zap.Int64("dropped", 15)).Len() != 1 {
		t.Errorf("the log says %v", logs.All())
	}
}

// A folder that goes away costs its searches and nothing else; when it is back,
// recording goes on.
func TestRecorder_retriesAfterFolderIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "records")
		core, logs := observer.New(zap.ErrorLevel)
		r, err := New(Config{Dir: dir, Queue: "duel"}, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		r.Created(solo("t-1"))
		r.Created(solo("t-2"))
		synctest.Wait()
		if r.Dropped() != 2 || logs.Len() != 1 {
			t.Errorf("%d dropped, %d errors logged; want 2 and 1", r.Dropped(), logs.Len())
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		testtime.Sleep(retryAfter)
		r.Created(solo("t-3"))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, recorded(t, dir)[0]).Events; len(got) != 1 || got[0].Ticket != ticketHash("t-3") {
			t.Errorf("recorded %+v", got)
		}
	})
}

func TestConfig_namesEveryMistake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		cfg  Config
		want []string
	}{
		{Config{}, []string{"Dir is missing", `queue ""`}},
		{Config{Dir: t.TempDir(), Queue: "../up", Keep: -1}, []string{`queue "../up"`, "negative"}},
		{Config{Dir: filepath.Join(file, "in"), Queue: "duel"}, []string{"not a directory"}},
	} {
		r, err := New(tt.cfg, zap.NewNop())
		if err == nil {
			t.Errorf("%+v was taken", tt.cfg)
			_ = r.Close()
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
		}
	}
}

// A queue that does not record has no recorder.
func TestRecorder_nilDoesNothing(t *testing.T) {
	var r *Recorder
	r.Created(solo("t-1"))
	r.Ended("t-1", noon, ReasonMatched)
	r.Rules("2")
	if err := r.Close(); err != nil || r.Dropped() != 0 {
		t.Error(err)
	}
}
