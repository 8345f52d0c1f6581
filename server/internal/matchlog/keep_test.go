package matchlog

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestStore_keepsReportedLogs(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"20260101T000000Z-arena-ffa-m1.tlog", "20260102T000000Z-arena-ffa-m2.tlog", "20260103T000000Z-arena-ffa-m3.tlog"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("log"), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Chtimes(path, old, old)
	}
	open := func(files int) *Store {
		t.Helper()
		s, err := NewStore(Config{Dir: dir, MaxFiles: files}, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(3)
	if !s.Keep("m1", time.Now().Add(time.Hour)) || !s.Keep("m2", time.Now().Add(-time.Hour)) {
		t.Error("not kept")
	}
	_ = s.Close()
	s = open(1) // another process
	_ = s.Close()
	logs, _ := filepath.Glob(filepath.Join(dir, "*.tlog"))
	if len(logs) != 1 || filepath.Base(logs[0]) != "20260101T000000Z-arena-ffa-m1.tlog" {
		t.Errorf("kept %q, want that of m1", logs)
	}
	marks, _ := filepath.Glob(filepath.Join(dir, "*"+keepSuffix))
	if len(marks) != 1 || !slices.ContainsFunc(marks, func(m string) bool { return filepath.Ext(m) == keepSuffix }) {
		t.Errorf("marks %q", marks)
	}
	if s.Keep("m1", time.Now().Add(2*time.Hour)) {
		t.Error("kept by a closed store")
	}
	if none, _ := NewStore(Config{}, zap.NewNop()); none.Keep("m1", time.Now().Add(time.Hour)) {
		t.Error("kept by a store without files")
	}
}
