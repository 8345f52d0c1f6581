package code

import (
	"strings"
	"testing"
)

func TestNew_codesAreUnambiguousAndSpread(t *testing.T) {
	seen := make(map[string]bool)
	counts := make(map[rune]int)
	for range 2000 {
		code := New()
		if got, ok := Parse(code); !ok || got != code {
			t.Fatalf("code %q does not parse", code)
		}
		if strings.ContainsAny(code, "01ILOU") {
			t.Fatalf("code %q has an ambiguous character", code)
		}
		seen[code] = true
		for _, c := range code {
			counts[c]++
		}
	}
	if len(seen) < 1999 {
		t.Errorf("%d different codes of 2000", len(seen))
	}
	for _, c := range alphabet {
		if n := counts[c]; n < 250 || n > 560 { // 400 expected, 8 standard deviations
			t.Errorf("%c drawn %d times of 12000", c, n)
		}
	}
}

func TestParse_readsTypedAndPastedCodes(t *testing.T) {
	const code = "K7QX2M"
	for _, typed := range []string{
		"k7qx2m", " K7Q-X2M ", "K7 QX 2M", "K7QX2M\n", "\tK7QX2M\r\n", "k-7-q-x-2-m", "K7Q\u2013X2M", "K7Q_X2M", "K7Q\u00a0X2M",
		"K7Q\u200bX2M", "\u2068K7QX2M\u2069", "\ufeffK7QX2M", "K7\u00adQX2M", // invisible
		"\uff2b\uff17\uff31\uff38\uff12\uff2d", "\uff4b\uff17\uff51\uff58\uff12\uff4d", "K\uff17QX\uff12M", // full width
		"\u041a7Q\u04252\u041c", "\u043a7q\u04452\u043c", "\u039a7Q\u03a72\u039c", // Cyrillic, Greek
		"\"K7QX2M\"", "(K7QX2M)", "K7QX2M.", "#K7QX2M", "p-K7QX2M", "room-k7qx2m",
		"https://play.example.com/?room=K7QX2M", "https://arcade.example.com/create/?x=1&room=k7qx2m&y=2#secret", "http://localhost:8080/#party=K7Q-X2M",
		"Join my room: K7QX2M", "Create a party with me, the code is k7q-x2m!", "K7QX2M is the code", "play.example.com/K7QX2M",
		"The code is K7QX2M (arcade, not secret)",
	} {
		if got, ok := Parse(typed); !ok || got != code {
			t.Errorf("Parse(%q) = %q, %t", typed, got, ok)
		}
	}
	for typed, want := range map[string]string{ // codes without a digit
		"abcdef": "ABCDEF", "the code of my arcade game is ABCDEF": "ABCDEF", "https://arcade.example.com/?room=ABCDEF": "ABCDEF",
	} {
		if got, ok := Parse(typed); !ok || got != want {
			t.Errorf("Parse(%q) = %q, %t", typed, got, ok)
		}
	}
	for _, typed := range []string{
		"", " - ", "K7QX2", "K7QX2MM", "K7QX20", "K7QX\u00c4M", "K7QX2M3", "no such thing", "\xff\xfe", "https://play.example.com/?room=",
		strings.Repeat(" ", MaxTyped) + code,
	} {
		if got, ok := Parse(typed); ok {
			t.Errorf("Parse(%q) = %q", typed, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"K7QX2M", "https://play.example.com/?room=k7q-x2m", "\uff2b\u200b7", "\xff-\ufdfa"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := Parse(typed)
		if !ok {
			return
		}
		if again, ok := exact(code); !ok || again != code {
			t.Errorf("Parse(%q) = %q, which is no code", typed, code)
		}
	})
}
