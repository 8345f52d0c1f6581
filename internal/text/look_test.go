package text_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tactus/internal/text"
)

func TestNamesThatLookTheSame(t *testing.T) {
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

func TestDistinct(t *testing.T) {
	var seated []text.Shown
	long := strings.Repeat("x", 24)
	for _, tt := range [][2]string{
		{"Ann", "Ann"},
		{"Ann", "Ann 2"},
		{"ann", "ann 3"},
		{"Аnn", "Аnn 4"},
		{"Ann 2", "Ann 2 2"},
		{"Bob", "Bob"},
		{"Cy 2", "Cy 2"},
		{"Cy", "Cy"},
		{"Cy", "Cy 3"},
		{long, long},
		{long, strings.Repeat("x", 22) + " 2"},
		{strings.Repeat("y", 21) + "👨\u200d👩", strings.Repeat("y", 21) + "👨\u200d👩"},
		{strings.Repeat("y", 21) + "👨\u200d👩", strings.Repeat("y", 21) + " 2"},
		{strings.Repeat("𐐀", 24), strings.Repeat("𐐀", 24)},
		{strings.Repeat("𐐀", 24), strings.Repeat("𐐀", 22) + " 2"},
		{"", ""},
		{"", ""},
	} {
		got := text.Distinct(tt[0], slices.Values(seated))
		if got.Name != tt[1] || got.Asked != tt[0] || text.Name(got.Name) != got.Name {
			t.Errorf("%q becomes %q, want %q", tt[0], got.Name, tt[1])
		}
		seated = append(seated, got)
	}
}

func TestNumbersAreTakenAgain(t *testing.T) {
	var seated []text.Shown
	for n := range 1000 { // as many as a big match has
		got := text.Distinct("Ann", slices.Values(seated))
		if n > 0 && got.Name != fmt.Sprint("Ann ", n+1) {
			t.Fatalf("%q, want Ann %d", got.Name, n+1)
		}
		seated = append(seated, got)
	}
	for _, n := range []int{700, 300, 0} { // leave
		seated = slices.Delete(seated, n, n+1)
	}
	for _, want := range []string{"Ann", "Ann 301", "Ann 701", "Ann 1001"} {
		got := text.Distinct("Ann", slices.Values(seated))
		if got.Name != want {
			t.Fatalf("%q, want %q", got.Name, want)
		}
		seated = append(seated, got)
	}
}

func TestDistinctNamesAreClean(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var seated []text.Shown
		for range 10 {
			name := text.Name(rapid.SampledFrom([]string{"Ann", "Ann 2", "Ann 3", "ann 2 2"}).Draw(r, "known") + rapid.String().Draw(r, "new"))
			got := text.Distinct(name, slices.Values(seated))
			if text.Name(got.Name) != got.Name || utf8.RuneCountInString(got.Name) > text.MaxName {
				r.Errorf("%+q becomes %+q", name, got.Name)
			}
			for _, other := range seated {
				if text.LookOf(other.Name).Like(text.LookOf(got.Name)) {
					r.Errorf("%q and %q", other.Name, got.Name)
				}
			}
			seated = append(seated, got)
		}
	})
}

func TestNamesForSome(t *testing.T) {
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
