package recording

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// Each queue has a file of its own, and each version of its rules.
func TestSet_recordsQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		core, logs := observer.New(zap.ErrorLevel)
		s, err := NewSet(Config{Dir: dir}, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		s.Ended("duel", "t-0", noon, ReasonMatched) // began in another process
		synctest.Wait()
		s.Created("duel", "1", solo("t-1"))
		s.Created("arena/ffa", "", solo("t-2"))
		s.Ended("duel", "t-1", noon.Add(time.Second), ReasonMatched)
		synctest.Wait()
		s.Created("duel", "2", solo("t-3"))
		s.Created("../duel", "2", solo("t-4"))
		s.Created("../duel", "2", solo("t-5"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.Created("duel", "2", solo("t-6"))
		s.Created("late", "2", solo("t-7"))
		s.Ended("later", "t-7", noon, ReasonMatched)
		var got []string
		for _, path := range recorded(t, dir) {
			f := read(t, path)
			got = append(got, fmt.Sprintf("%s of %s rules %q: %d", strings.SplitAfter(filepath.Base(path), ".")[0], f.Header.Queue, f.Header.RulesVersion, len(f.Events)))
		}
		if logs.Len() != 1 {
			t.Errorf("a name that can't be a file's is logged %d times, want once: %v", logs.Len(), logs.All())
		}
		want := `[arena+ffa. of arena/ffa rules "": 1 duel. of duel rules "": 1 duel. of duel rules "1": 2 duel. of duel rules "2": 1]`
		if fmt.Sprint(got) != want {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	})
}

// Many goroutines begin and end searches at once.
func TestSet_isSafeForConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	s, err := NewSet(Config{Dir: dir}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 50 {
				id := fmt.Sprint("t-", i, "-", n)
				s.Created(fmt.Sprint("queue", n%3), "1", solo(id))
				s.Ended(fmt.Sprint("queue", n%3), id, noon.Add(time.Second), ReasonCancelled)
			}
		})
	}
	group.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for n := range 3 {
		paths, err := filepath.Glob(filepath.Join(dir, fmt.Sprint("queue", n, ".*")))
		if err != nil {
			t.Fatal(err)
		}
		searches, err := Load(paths...)
		if err != nil {
			t.Fatal(err)
		}
		for _, search := range searches.List {
			total++
			if search.Reason != ReasonCancelled || search.Wait != time.Second {
				t.Errorf("%+v", search)
			}
		}
	}
	if total != 400 {
		t.Errorf("%d searches recorded, want 400", total)
	}
}

func TestSet_refusesMistakes(t *testing.T) {
	if _, err := NewSet(Config{}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "Dir is missing") {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewSet(Config{Dir: file}, zap.NewNop()); err == nil {
		t.Error("a file was taken for a folder")
	}
	var none *Set
	none.Created("duel", "1", solo("t-1"))
	none.Ended("duel", "t-1", noon, ReasonMatched)
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}
