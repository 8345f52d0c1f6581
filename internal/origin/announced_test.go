package origin

import (
	"strings"
	"testing"
)

func TestAnnounced_unionOfSources(t *testing.T) {
	a := NewAnnounced(Distinct)
	check := func(step string, want map[string]bool) {
		t.Helper()
		for from, allowed := range want {
			if got := a.Allows(from, "eu1.example.com:8081"); got != allowed {
				t.Errorf("%s: %s is allowed: %v, want %v", step, from, got, allowed)
			}
		}
	}
	announce := func(name string, entries ...string) func() {
		t.Helper()
		gone, err := a.Announce(name, entries)
		if err != nil {
			t.Fatal(err)
		}
		return gone
	}
	const one, two, other = "https://one.example", "https://two.example", "https://other.example"
	check("nothing announced", map[string]bool{one: true, other: true, "null": true})
	announce("old release")
	check("a source without origins", map[string]bool{one: true, other: true})
	goneFirst := announce("first", one)
	check("one source", map[string]bool{
		one: true, two: false, other: false, "null": false,
		"http://eu1.example.com:8080": true, "https://eu1.example.com": true, "https://eu2.example.com": false, "tauri://eu1.example.com": false,
	})
	goneSecond := announce("second", two)
	check("two sources", map[string]bool{one: true, two: true, other: false})
	goneFirst()
	check("one is away", map[string]bool{one: true, two: true, other: false})
	goneSecond()
	check("all are away", map[string]bool{one: true, two: true, other: false})
	announce("second, started again", other)
	check("a new one", map[string]bool{one: false, two: false, other: true})
}

func TestAnnounced_secondStreamOfASourceKeepsItConnected(t *testing.T) {
	a := NewAnnounced(Distinct)
	old, _ := a.Announce("first", []string{"https://one.example"})
	if _, err := a.Announce("first", []string{"https://two.example"}); err != nil {
		t.Fatal(err)
	}
	old()
	if _, err := a.Announce("second", nil); err != nil {
		t.Fatal(err)
	}
	if !a.Allows("https://two.example", "h") || a.Allows("https://one.example", "h") {
		t.Error("the newer stream's origins do not count")
	}
}

func TestAnnounced_ignoresMistakes(t *testing.T) {
	a := NewAnnounced(Distinct)
	_, err := a.Announce("first", []string{"https://*.com", "https://one.example"})
	if err == nil || !strings.Contains(err.Error(), "*.com") || a.Any() {
		t.Errorf("error %v, any %v", err, a.Any())
	}
	if !a.Allows("https://one.example", "h") || a.Allows("https://evil.com", "h") {
		t.Error("a mistake changes the other entries")
	}
	many := make([]string, maxAnnounced+1)
	for i := range many {
		many[i] = "https://one.example"
	}
	if _, err := a.Announce("first", many); err == nil {
		t.Error("any number of origins is accepted")
	}
}
