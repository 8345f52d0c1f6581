package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestLog_keepsDaysAndSurvivesARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	now := time.Date(2026, 11, 1, 23, 59, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	l, err := open(dir, DefaultKeep, zap.NewNop(), clock)
	if err != nil {
		t.Fatal(err)
	}
	l.Write(Entry{Who: "alice", From: "192.0.2.1", Action: "KickPlayer", Target: "g-1", Reason: "spam", Outcome: "ok"})
	now = now.Add(2 * time.Minute)
	l.Write(Entry{Who: "bob", Action: "EndMatch", Target: "m1", Outcome: "no such match"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(dir, "audit-2026-11-01.jsonl"))
	want := `{"time":"2026-11-01T23:59:00Z","who":"alice","from":"192.0.2.1","action":"KickPlayer","target":"g-1","reason":"spam","outcome":"ok"}`
	if err != nil || strings.TrimSpace(string(first)) != want {
		t.Errorf("%s %v, want %s", first, err, want)
	}
	// The last line of a process that was killed is not whole.
	f, _ := os.OpenFile(filepath.Join(dir, "audit-2026-11-02.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	_, _ = f.WriteString(`{"time":"2026`)
	_ = f.Close()
	if l, err = open(dir, DefaultKeep, zap.NewNop(), clock); err != nil {
		t.Fatal(err)
	}
	if got := l.Recent(10); len(got) != 2 || got[0].Who != "bob" || got[1].Who != "alice" {
		t.Errorf("after a restart: %+v", got)
	}
	now = now.Add(7 * 24 * time.Hour) // the first day is over since more than a week
	l.Write(Entry{Who: "carol", Action: "LiftBan", Outcome: "ok"})
	_ = l.Close()
	if _, err := os.Stat(filepath.Join(dir, "audit-2026-11-01.jsonl")); !os.IsNotExist(err) {
		t.Errorf("an old file is kept: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "audit-2026-11-02.jsonl")); err != nil {
		t.Errorf("a file of the last 7 days: %v", err)
	}
	if info, _ := os.Stat(filepath.Join(dir, "audit-2026-11-09.jsonl")); info == nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v", info)
	}
}

func TestLog_withoutFolder(t *testing.T) {
	l, err := Open("", DefaultKeep, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l.Write(Entry{Who: "alice", Action: "SendNotice", Outcome: "ok"})
	if got := l.Recent(5); len(got) != 1 || got[0].Time.IsZero() {
		t.Errorf("%+v", got)
	}
	var none *Log
	none.Write(Entry{})
	if none.Recent(1) != nil || none.Close() != nil {
		t.Error("a nil log keeps something")
	}
}
