package pseudonym

import (
	"bytes"
	"strings"
	"testing"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

const ada = "u-ada@example.com"

func testKey() []byte { return bytes.Repeat([]byte("k"), keyBytes) }

// The pseudonym was computed by another program: it never changes.
func TestPseudonyms_hideUsersOnly(t *testing.T) {
	p := New(testKey())
	if got := p.Public(ada); got != "p-ehebnyl7euh5w4f7hffhm24o" {
		t.Errorf("%s is %s to players", ada, got)
	}
	for _, id := range []string{"", "g-3q7x", "4711", p.Public(ada)} {
		if got := p.Public(id); got != id {
			t.Errorf("%q becomes %q", id, got)
		}
	}
	if p.Public("u-bob") == p.Public(ada) || New(bytes.Repeat([]byte("l"), keyBytes)).Public(ada) == p.Public(ada) {
		t.Error("the pseudonym depends not on player and key")
	}
}

func TestPseudonyms_findLearnedPlayersOnly(t *testing.T) {
	p := New(testKey())
	public := p.Public(ada)
	if got := p.Player(public); got != public {
		t.Errorf("before: %q", got)
	}
	p.Learn(ada)
	p.Learn("g-3q7x")
	if got := p.Player(public); got != ada {
		t.Errorf("%s is %q, want %q", public, got, ada)
	}
	p.Learn("u-deleted")
	p.Forget("u-deleted")
	for _, other := range []string{"", "p-", "g-3q7x", p.Public("u-deleted"), p.Public("u-bob"), strings.ToUpper(public), "p-" + strings.ToUpper(public[2:]), public + "aaaaaaaa", public[:25], "p-!"} {
		if got := p.Player(other); got != other {
			t.Errorf("%q is %q", other, got)
		}
	}
}

func TestOpen_sharesAndKeepsOneKey(t *testing.T) {
	cfg := store.Config{Dir: t.TempDir()}
	s, err := store.Open(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan *Pseudonyms, 4)
	for range cap(opened) { // replicas that start at the same moment
		go func() {
			p, err := Open(t.Context(), s)
			if err != nil {
				t.Error(err)
				p = New(nil)
			}
			opened <- p
		}()
	}
	first := <-opened
	for range cap(opened) - 1 {
		if other := <-opened; other.Public(ada) != first.Public(ada) {
			t.Error("two replicas have different keys")
		}
	}
	s.Close()
	restarted, err := Open(t.Context(), storetest.Open(t, cfg))
	if err != nil || restarted.Public(ada) != first.Public(ada) {
		t.Errorf("after a restart the pseudonym is another one: %v", err)
	}
	if another, err := Open(t.Context(), storetest.Embedded(t)); err != nil || another.Public(ada) == first.Public(ada) {
		t.Errorf("two installations have the same key: %v", err)
	}
}
