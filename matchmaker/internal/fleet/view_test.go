package fleet

import (
	"fmt"
	"testing"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// The match before lingers on its server for a while.
func TestRegistry_findPrivateReturnsTheNewest(t *testing.T) {
	r := newTestRegistry()
	s := add(r, register("one"), nil)
	for n := 1; n <= 9; n++ {
		r.load(s, &fleetv1.Load{Changed: []*fleetv1.MatchStatus{{MatchId: fmt.Sprint("m", n), Game: "arena", Mode: "ffa", Seats: 8, Private: n < 8}}})
	}
	id, _, ok := r.FindPrivate(func(id string) int { return int(id[1] - '0') })
	if !ok || id != "m7" {
		t.Errorf("found %q %v", id, ok)
	}
	if id, _, ok := r.FindPrivate(func(string) int { return 0 }); ok {
		t.Errorf("found %q", id)
	}
}
