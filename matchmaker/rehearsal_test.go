package matchmaker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tactus/matchmaker"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// What a live queue records can be rehearsed: against its own rules it gives
// what happened, and no identity is in it.
func TestRehearse_playsARecordedQueue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tickets")
	w, file := withRules(t, duel, func(c *matchmaker.Config) { c.RecordDir = dir })
	w.server("s1", nil)
	ann, bob := w.search(rated("duel", 1500, "ann")), w.search(rated("duel", 1900, "bob"))
	bobsWatch := bob.watch()
	cid := w.search(rated("duel", 1950, "cid"))
	cid.assigned()
	bobsWatch.end()
	if _, err := w.client.CancelTicket(w.context(), &matchmakerv1.CancelTicketRequest{TicketId: ann.GetTicketId()}); err != nil {
		t.Fatal(err)
	}
	w.quickPlay().assigned()
	w.stop()

	recordings, err := filepath.Glob(filepath.Join(dir, "duel.*"))
	if err != nil || len(recordings) != 1 {
		t.Fatalf("recordings of the queue: %v, %v", recordings, err)
	}
	text, err := os.ReadFile(recordings[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"ann", "bob", "cid", ann.GetTicketId()} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the recording says %q:\n%s", secret, text)
		}
	}
	report, err := matchmaker.Rehearse(w.context(), matchmaker.RehearsalConfig{Tickets: recordings, Rules: file})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Results[0]; got.Tickets != 3 || got.Matched != 2 || got.Cancelled != 1 || got.SkillSpread.Max != 50 || len(report.Notes) > 0 {
		t.Errorf("rehearsed %+v, notes %q, of\n%s", got, report.Notes, text)
	}
	quick, err := filepath.Glob(filepath.Join(dir, "arena+ffa.*"))
	if err != nil || len(quick) != 1 {
		t.Errorf("recordings of quick play: %v, %v", quick, err)
	}
}
