package moderation

import (
	"strings"
	"testing"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/pseudonym"
)

func TestService_findsPlayersByPseudonym(t *testing.T) {
	names := pseudonym.New([]byte("a key of thirty-two bytes, or so"))
	names.Learn("u-ann")
	s := New(Config{})
	s.Open(Parts{Pseudonyms: names})
	unknown := names.Public("u-bob")
	for given, want := range map[string]string{
		names.Public("u-ann"):   "u-ann",
		"u-bob":                 "u-bob",
		"g-1":                   "g-1",
		"p-1":                   "p-1", // of a back end
		unknown:                 "",    // a ban of it would meet no one
		"":                      "",
		strings.Repeat("x", 65): "",
	} {
		id := given
		err := s.playerID(&id)
		if (err == nil) != (want != "") || err == nil && id != want {
			t.Errorf("%q: %q %v, want %q", given, id, err, want)
		}
	}
	err := s.playerID(&unknown)
	if reason, _ := failure.ReasonOf(err); reason != failure.PlayerUnknown {
		t.Errorf("a pseudonym of a stranger: %v", err)
	}
}
