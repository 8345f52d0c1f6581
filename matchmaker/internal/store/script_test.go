package store_test

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the results of scripts to testdata")

// TestScripts runs the scripts in testdata, each on a new store. A line is a command;
// the lines with a tab after it are its result. `go test -run TestScripts -update`
// writes the results.
func TestScripts(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := newScript(t).run(string(want))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s gives\n%s", path, got)
			}
		})
	}
}

// script runs commands on a bucket, a log and journals. Journals are known by the name
// of their writer.
type script struct {
	t        *testing.T
	store    *store.Store
	bucket   *store.Bucket
	log      *store.Log
	journals map[string]*store.Journal
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := storetest.Embedded(t)
	return &script{
		t: t, store: s, bucket: openBucket(t, s, store.BucketConfig{Name: "b"}), log: openLog(t, s),
		journals: make(map[string]*store.Journal),
	}
}

// run returns the text with the results of its commands.
func (s *script) run(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		out.WriteString(line)
		if command := strings.TrimSpace(line); command != "" && command[0] != '#' {
			for result := range strings.Lines(s.do(command)) {
				fmt.Fprintf(&out, "\t%s\n", strings.TrimSuffix(result, "\n"))
			}
		}
	}
	return out.String()
}

// do runs one command. Arguments with spaces have quotes; "2MB" is a value of that size.
func (s *script) do(command string) string {
	r := csv.NewReader(strings.NewReader(command))
	r.Comma = ' '
	args, err := r.Read()
	if err != nil {
		s.t.Fatalf("%s: %v", command, err)
	}
	do := map[string]func(args []string) string{
		"get": s.get, "create": s.create, "put": s.put, "update": s.update, "delete": s.delete, "all": s.all,
		"log": s.appendOnce, "last": s.last,
		"open": s.open, "append": s.append, "remove": s.remove, "record": s.record, "state": s.state, "close": s.close,
	}[args[0]]
	if do == nil {
		s.t.Fatalf("%s: no such command", command)
	}
	for len(args) < 5 {
		args = append(args, "")
	}
	return do(args[1:])
}

func value(text string) []byte {
	if text == "2MB" {
		return make([]byte, 2<<20)
	}
	return []byte(text)
}

func number(text string) (n uint64) {
	fmt.Sscan(text, &n) //nolint:errcheck // 0 if there is none
	return n
}

// known are the errors that callers tell apart.
var known = map[string]error{
	"not found": store.ErrNotFound, "exists": store.ErrExists, "conflict": store.ErrConflict,
	"fenced": store.ErrFenced, "closed": store.ErrClosed, "too large": store.ErrTooLarge,
}

func result(err error, format string, args ...any) string {
	if err == nil {
		return fmt.Sprintf(format, args...)
	}
	for name, one := range known {
		if errors.Is(err, one) {
			return fmt.Sprintf("error (%s): %v", name, err)
		}
	}
	return "error: " + err.Error()
}

func (s *script) get(args []string) string {
	e, err := s.bucket.Get(s.t.Context(), args[0])
	return result(err, "%s, revision %d", e.Value, e.Revision)
}

func (s *script) create(args []string) string {
	revision, err := s.bucket.Create(s.t.Context(), args[0], value(args[1]))
	return result(err, "revision %d", revision)
}

func (s *script) put(args []string) string {
	revision, err := s.bucket.Put(s.t.Context(), args[0], value(args[1]))
	return result(err, "revision %d", revision)
}

func (s *script) update(args []string) string {
	revision, err := s.bucket.Update(s.t.Context(), args[0], value(args[1]), number(args[2]))
	return result(err, "revision %d", revision)
}

func (s *script) delete(args []string) string {
	return result(s.bucket.Delete(s.t.Context(), args[0], number(args[1])), "deleted")
}

func (s *script) all([]string) string {
	entries, err := s.bucket.All(s.t.Context())
	var list strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&list, "%s: %s, revision %d\n", e.Key, e.Value, e.Revision)
	}
	return result(err, "%d records\n%s", len(entries), list.String())
}

func (s *script) appendOnce(args []string) string {
	sequence, first, err := s.log.AppendOnce(s.t.Context(), args[0], value(args[1]))
	return result(err, "sequence %d, first %t", sequence, first)
}

func (s *script) last([]string) string {
	sequence, err := s.log.Last(s.t.Context())
	return result(err, "sequence %d", sequence)
}

// open WRITER JOURNAL TERM
func (s *script) open(args []string) string {
	j, records, err := s.store.OpenJournal(s.t.Context(), args[1], number(args[2]))
	if err != nil {
		return result(err, "")
	}
	s.t.Cleanup(j.Close)
	s.journals[args[0]] = j
	var list strings.Builder
	for _, r := range records {
		fmt.Fprintf(&list, "%s: %q\n", r.Key, r.Value)
	}
	return fmt.Sprintf("%d records\n%s", len(records), list.String())
}

// append WRITER KEY VALUE
func (s *script) append(args []string) string {
	return result(await(s.t, s.journals[args[0]].Append(args[1], value(args[2]), time.Hour)), "stored")
}

// remove WRITER KEY
func (s *script) remove(args []string) string {
	return result(await(s.t, s.journals[args[0]].Append(args[1], nil, 0)), "stored")
}

// record JOURNAL KEY
func (s *script) record(args []string) string {
	v, err := s.store.JournalRecord(s.t.Context(), args[0], args[1])
	return result(err, "%s", v)
}

// state WRITER STATE waits for the state: healthy, or lost.
func (s *script) state(args []string) string {
	j := s.journals[args[0]]
	if args[1] == "healthy" {
		return fmt.Sprintf("healthy: %t", j.Healthy())
	}
	select {
	case <-j.Lost():
		return "lost"
	case <-time.After(time.Minute):
		return "not lost"
	}
}

func (s *script) close(args []string) string {
	s.journals[args[0]].Close()
	return "closed"
}
