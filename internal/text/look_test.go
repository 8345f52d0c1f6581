package text_test

import (
	"strings"
	"testing"

	"tactus/internal/text"
)

func TestLook_alikeNames(t *testing.T) {
	for _, tt := range []struct {
		a, b  string
		alike bool
	}{
		{"Ann", "Ann", true},
		{"Ann", "ANN", true},
		{"Ann", "Ａｎｎ", true},                  // wide
		{"Admin", "𝐀𝖉𝓶𝕚𝚗", true},              // of mathematics
		{"Admin", "ᴀᴅᴍɪɴ", true},              // small capitals
		{"Admin", "Αdmіn", true},              // Greek Α, Cyrillic і
		{"ANTON", "ΑΝΤΟΝ", true},              // Greek
		{"anton", "аnтоn", true},              // Cyrillic
		{"vera", "νera", true},                // Greek ν
		{"νίκος", "ΝΊΚΟΣ", false},             // final sigma; case alone is not enough
		{"νικ", "ΝΙΚ", true},                  // though drawn as v and N
		{"Mary", "rnary", true},               // m and rn
		{"Bill", "BiII", true},                // l and I
		{"B0b", "Bob", true},                  // 0 and o
		{"Lola 1", "Lola l", true},            // 1 and l
		{"O'Neil", "O’Neil", true},            // apostrophes
		{"مى\u200cخ", "مىخ", true},            // a joiner
		{"❤\ufe0f", "❤", true},                // a style
		{"ﬁ①™", "fi1TM", true},                // compatibility
		{"é", "e\u0301", true},                // normal forms
		{"Ann", "Anna", false},                //
		{"José", "Jose", false},               // accents are seen
		{"Ann 2", "Ann 3", false},             //
		{"Ann", "Ann 2", false},               //
		{"李", "季", false},                     //
		{"", "", false},                       // no name looks like no name
		{"👨\u200d👩\u200d👧", "👨👩", false},      //
		{"Борис", "Boris", false},             // not by sound
		{"Ёж", "Еж", false},                   // accents are seen
		{"ДОМ", "дом", true},                  // case
		{"Straße", "straße", true},            //
		{"İ", "i\u0307", true},                //
		{"Ali", "AIi", true},                  //
		{strings.Repeat("x", 24), "x", false}, //
	} {
		a, b := text.LookOf(tt.a), text.LookOf(tt.b)
		if a.Like(b) != tt.alike || b.Like(a) != tt.alike {
			t.Errorf("%q and %q: alike is %v", tt.a, tt.b, a.Like(b))
		}
	}
}

func TestNames_has(t *testing.T) {
	names := text.NewNames([]string{" Admin ", "", "\u200b", "moderator"})
	for name, want := range map[string]bool{
		"admin": true, "ADMIN": true, "Аdmin": true, "adm1n": true, "Moderator": true, "moderat0r": true,
		"Ann": false, "admins": false, "the admin": false, "": false,
	} {
		if names.Has(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
