package recording

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = `{"format":1,"queue":"duel","rules_version":"abc"}` + "\n"

func created(ticket string) string {
	return fmt.Sprintf(`{"at":1767355200000,"event":"created","ticket":%q,"players":[{"id":"p","skill":1500}]}`+"\n", ticket)
}

func ended(ticket string, ms int, reason string) string {
	return fmt.Sprintf(`{"at":%d,"event":"ended","ticket":%q,"reason":%q}`+"\n", 1767355200000+int64(ms), ticket, reason)
}

// The last line may be broken, whatever a crash has left of it.
func TestRead_leavesTornLastLineOut(t *testing.T) {
	for _, tail := range []string{`{"at":17673`, `{"at":17673` + "\n", "\x00\x00\x00", `{}`} {
		f, err := Read("f", strings.NewReader(header+created("a")+created("b")+tail))
		if err != nil || !f.Torn || len(f.Events) != 2 {
			t.Errorf("tail %q: %+v, %v", tail, f, err)
		}
	}
	for _, tail := range []string{"", "\n", "\r\n\n"} {
		if f, err := Read("f", strings.NewReader(header+created("a")+tail)); err != nil || f.Torn || len(f.Events) != 1 {
			t.Errorf("tail %q: %+v, %v", tail, f, err)
		}
	}
}

// Other broken lines are named by their numbers, all of them.
func TestRead_namesBrokenLines(t *testing.T) {
	text := header + created("a") + "{\n" + created("b") +
		`{"at":1,"event":"created","ticket":"c"}` + "\n" +
		`{"at":1,"event":"left","ticket":"c"}` + "\n" +
		`{"at":0,"event":"ended","ticket":"c"}` + "\n" +
		`{"at":1,"event":"ended"}` + "\n" +
		`{"at":1,"event":"ended","ticket":"c"}` + "\n" +
		`{"at":1,"event":"created","ticket":"c","players":[{"id":"p","skill":1}],"latency_ms":{"eu":-1}}` + "\n" +
		`{"at":1,"event":"created","ticket":"c","players":[` + strings.Repeat(`{"id":"p"},`, 1000) + `{}]}` + "\n" + created("d")
	_, err := Read("f.jsonl", strings.NewReader(text))
	if err == nil {
		t.Fatal("broken lines were taken")
	}
	want := []string{
		"f.jsonl:3: unexpected end of JSON input", "f.jsonl:5: players are missing", `f.jsonl:6: event "left": want created or ended`,
		"f.jsonl:7: at: want milliseconds since 1970", "f.jsonl:8: ticket is missing", "f.jsonl:9: reason is missing",
		"f.jsonl:10: latency_ms.eu is -1, want 0 or more", "f.jsonl:11: 1001 players, at most 1000",
	}
	if got := strings.Split(err.Error(), "\n"); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	_, err = Read("f", strings.NewReader(header+strings.Repeat("{\n", 100)+created("a")))
	if got := strings.Split(err.Error(), "\n"); len(got) != maxMistakes+1 || got[maxMistakes] != "f: 80 more broken lines" {
		t.Errorf("got %q", got)
	}
}

func TestRead_refusesOtherFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "f: is empty",
		"hello\n":                               "f:1: not a recording: want a first line like",
		created("a"):                            "f:1: not a recording: want a first line like",
		`{"format":2}`:                          "f:1: recorded in format 2, known is 1",
		header + strings.Repeat("x", maxLine+1): "f:2: the line is longer than",
	} {
		if _, err := Read("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A queue that moved to another matchmaker leaves two recordings that tell of
// the same searches.
func TestLoad_joinsRecordings(t *testing.T) {
	one := write(t, header+created("a")+created("b")+ended("a", 400, "cancelled")+ended("older", 5, "matched")+`{"at"`)
	two := write(t, header+created("b")+created("c")+ended("b", 900, "matched")+ended("b", 1200, "shutdown"))
	s, err := Load(one, two)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, search := range s.List {
		got = append(got, fmt.Sprint(search.Group.ID, " ", search.Reason, " ", search.Wait))
	}
	if want := "[a cancelled 400ms b matched 900ms c  0s]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if s.Orphans != 1 || len(s.Torn) != 1 || s.Torn[0] != one {
		t.Errorf("orphans %d, torn %v", s.Orphans, s.Torn)
	}
	other := write(t, strings.Replace(header, "duel", "ranked", 1))
	if _, err := Load(one, other); err == nil || !strings.Contains(err.Error(), "several queues (duel, ranked)") {
		t.Errorf("two queues: %v", err)
	}
	if _, err := Load(one, "/no/such", write(t, "")); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("want both mistakes: %v", err)
	}
}

// Whatever is read ends in searches or in an error, and what was read can be
// written and read again as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(header + created("a") + ended("a", 10, "matched")))
	f.Add([]byte(header + created("a") + "{\n" + created("b")))
	f.Add([]byte(header + `{"at":1,"event":"created","ticket":"t","players":[{"id":"p","skill":1e300}],"latency_ms":{"eu":0.1234},"attributes":{"a":[]},"priority":-1,"version":"x"}`))
	f.Add([]byte(`{"format":1}` + "\n" + `{"at":9223372036854775807,"event":"ended","ticket":"t","reason":"r"}`))
	f.Add([]byte("{\"format\":1}\n\n\r\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := Read("f", bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w := NewWriter(&again, first.Header)
		for _, e := range first.Events {
			if e.Group != nil {
				w.Created(e.Group)
			} else {
				w.Ended(e.Ticket, e.At, e.Reason)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		second, err := Read("again", bytes.NewReader(again.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, again.Bytes())
		}
		if len(second.Events) != len(first.Events) || second.Torn {
			t.Fatalf("%d events became %d", len(first.Events), len(second.Events))
		}
		for i, e := range first.Events {
			g := second.Events[i]
			if !g.At.Equal(e.At) || g.Ticket != e.Ticket || g.Reason != e.Reason && e.Group == nil || (g.Group == nil) != (e.Group == nil) {
				t.Fatalf("event %d: %+v became %+v", i, e, g)
			}
		}
		(&Searches{}).join([]*File{first, second})
	})
}
