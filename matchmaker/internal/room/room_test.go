package room

import (
	"strings"
	"testing"
)

func TestCodesAreUnambiguousAndSpread(t *testing.T) {
	seen := make(map[string]bool)
	letters := make(map[rune]int)
	for range 2000 {
		code := NewCode()
		if got, ok := Parse(code); !ok || got != code {
			t.Fatalf("code %q does not parse", code)
		}
		if strings.ContainsAny(code, "01ILOU") {
			t.Fatalf("code %q has an ambiguous character", code)
		}
		seen[code] = true
		for _, c := range code {
			letters[c]++
		}
	}
	if len(seen) < 1999 {
		t.Errorf("%d different codes of 2000", len(seen))
	}
	for _, c := range alphabet {
		if n := letters[c]; n < 250 || n > 560 { // 400 expected, 8 standard deviations
			t.Errorf("%c drawn %d times of 12000", c, n)
		}
	}
}

func TestParseReadsWhatPeopleType(t *testing.T) {
	for typed, want := range map[string]string{
		"k7qx2m": "K7QX2M", " K7Q-X2M ": "K7QX2M", "K7 QX 2M": "K7QX2M",
		"": "", "K7QX2": "", "K7QX2MM": "", "K7QX20": "", "K7QXÄM": "", strings.Repeat(" ", 40): "",
	} {
		if got, ok := Parse(typed); ok != (want != "") || ok && got != want {
			t.Errorf("Parse(%q) = %q, %t", typed, got, ok)
		}
	}
}

func TestMatchIDsOfCodesDiffer(t *testing.T) {
	if MatchID("K7QX2M") == MatchID("K7QX2N") {
		t.Error("two codes, one match")
	}
}
