package room

import "testing"

func TestMatchIDsOfCodesDiffer(t *testing.T) {
	if MatchID("K7QX2M") == MatchID("K7QX2N") {
		t.Error("two codes, one match")
	}
}
