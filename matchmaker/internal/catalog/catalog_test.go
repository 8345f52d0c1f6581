package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/rules"
)

func newCatalog() *Catalog {
	return New(fleet.NewRegistry(fleet.Config{LoadInterval: time.Second}, func() {}, zap.NewNop()), nil)
}

func duel(version string) *rules.Queue {
	return &rules.Queue{Name: "duel", Game: "arena", Mode: "duel", Version: version}
}

func TestCatalog_replaceKeepsRulesThatHaveNotChanged(t *testing.T) {
	c := newCatalog()
	if err := c.Replace([]*rules.Queue{duel("1")}); err != nil {
		t.Fatal(err)
	}
	first, _ := c.Lookup("duel")
	if err := c.Replace([]*rules.Queue{duel("1")}); err != nil {
		t.Fatal(err)
	}
	if same, _ := c.Lookup("duel"); same != first {
		t.Error("rules of the same version were replaced")
	}
	if err := c.Replace([]*rules.Queue{duel("2")}); err != nil {
		t.Fatal(err)
	}
	if got := c.Version("duel"); got != "2" {
		t.Errorf("version %q", got)
	}
}

func TestCatalog_replaceReportsEveryMistakeAndChangesNothing(t *testing.T) {
	c := newCatalog()
	if err := c.Replace([]*rules.Queue{duel("1")}); err != nil {
		t.Fatal(err)
	}
	bad := duel("2")
	bad.Function = "mentors"
	err := c.Replace([]*rules.Queue{bad, duel("3")})
	for _, want := range []string{`function "mentors" is not registered; there are: none`, `duplicate queue "duel"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if got := c.Version("duel"); got != "1" {
		t.Errorf("version %q", got)
	}
}

func TestCatalog_lookupFindsQuickPlayOfUnknownModes(t *testing.T) {
	c := newCatalog()
	for name, want := range map[string]bool{"arena/ffa": true, "arena": false, "arena/": false, "/ffa": false, "a/b/c": false} {
		if _, ok := c.Lookup(name); ok != want {
			t.Errorf("%q is found: %v", name, ok)
		}
		if c.Hosted(name) {
			t.Errorf("%q is hosted without a server", name)
		}
	}
}

func TestCatalog_withoutServersQuickPlayMayComeLater(t *testing.T) {
	c := newCatalog()
	for name, want := range map[string]failure.Reason{"arena/ffa": failure.NoServer, "duel": failure.UnknownQueue} {
		if _, _, err := c.Resolve(name, "", ""); !errors.Is(err, failure.New(want)) {
			t.Errorf("%s: %s", name, fmt.Sprint(err))
		}
	}
	if _, _, err := c.Resolve("", "arena", "ffa"); !errors.Is(err, failure.New(failure.NoServer)) {
		t.Errorf("by mode: %v", err)
	}
}
