package room

import "testing"

func TestParseMatch_returnsTheRoom(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range []string{"K7QX2M", "K7QX2N"} {
		for _, number := range []int{1, 2, 31} {
			id := MatchID(code, number)
			if c, n, ok := ParseMatch(id); !ok || c != code || n != number || seen[id] || !IsMatch(id) {
				t.Errorf("%s is match %d of room %s", id, n, c)
			}
			seen[id] = true
		}
	}
	if code, number, ok := ParseMatch("room-k7qx2m"); !ok || code != "K7QX2M" || number != 0 {
		t.Errorf("a match of an earlier release is %d of %q", number, code)
	}
	for _, id := range []string{"m-k7qx2m", "room-", "room-k7qx2m-", "room-k7qx2m-x", "room-k7qx2m-0", "room-k7qx2m--1"} {
		if code, number, ok := ParseMatch(id); ok {
			t.Errorf("%s is match %d of room %q", id, number, code)
		}
	}
}
