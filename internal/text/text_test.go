package text_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"tactus/internal/text"
	"tactus/protocol"
)

// vectors are what Go and TypeScript have to agree on, written by hand.
func vectors(t testing.TB) (v struct {
	Names, Texts []struct {
		What, In, Out string
		MaxBytes      int
	}
},
) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil || len(v.Names) < 100 || len(v.Texts) < 10 {
		t.Fatal(len(v.Names), len(v.Texts), err)
	}
	return v
}

func TestName_vectors(t *testing.T) {
	v := vectors(t)
	for _, row := range v.Names {
		if got := text.Name(row.In); got != row.Out {
			t.Errorf("name, %s: %+q becomes %+q, want %+q", row.What, row.In, got, row.Out)
		}
	}
	for _, row := range v.Texts {
		if got := text.Text(row.In, row.MaxBytes); got != row.Out {
			t.Errorf("text, %s: %+q becomes %+q, want %+q", row.What, row.In, got, row.Out)
		}
	}
}

func TestText_removesInvalidUTF8(t *testing.T) {
	for in, want := range map[string]string{"a\xffb": "ab", "\xed\xa0\x80Ada": "Ada", "Ad\xc3": "Ad", "\xf0\x9f\xa6": ""} {
		if got := text.Name(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestName_cutsOversizedCluster(t *testing.T) {
	long := "क" + strings.Repeat("\u093e", 30) // vowel signs take room: there may be many
	if got, want := text.Name(long), "क"+strings.Repeat("\u093e", 23); got != want {
		t.Errorf("%+q, want %+q", got, want)
	}
}

func TestText_cleanTextDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { text.Text("good game, well played", 512) }); n != 0 {
		t.Errorf("%v allocations for a line that is clean", n)
	}
}

func FuzzClean(f *testing.F) {
	v := vectors(f)
	for _, row := range append(v.Names, v.Texts...) {
		f.Add(row.In, row.MaxBytes)
	}
	f.Add("a"+strings.Repeat("\u0301\u0323", 40), 200)
	f.Add("\u302e"+strings.Repeat("\u302e", 40), 200)
	f.Fuzz(func(t *testing.T, in string, maxBytes int) { holds(t, in, min(max(maxBytes, 0), 4096)) })
}

// TestClean_isIdempotent mixes what a fuzzer of bytes seldom puts together.
func TestClean_isIdempotent(t *testing.T) {
	parts := strings.Split("a|x|e|é|q| |\u3000|\u200c|\u200d|\ufe0f|\ufe0e|\u0301|\u0323|\u0307|\u20dd|\u20e3|1|#|م|خ|\u064e|क|न|\u093c|\u094d|ष|\u0941|\u093f|"+
		"র|\u09cd|👨|👩|🏻|❤|🏴|\U000e0067|\U000e0062|\U000e007f|🇩|🇪|\u00ad|\u202e|\u115f|\u061c|\u180b|\u17b4|\u2800|\ue000|\u0378|\U0001fae9|"+
		"\u1112|\u1161|\u11ab|가|\u0e33|ก|\ufffd|\t|\u2028|李|\u0f72|xxxxxxxxxxxxxxxxxxxxx", "|")
	rapid.Check(t, func(r *rapid.T) {
		in := strings.Join(rapid.SliceOf(rapid.SampledFrom(parts)).Draw(r, "parts"), "")
		holds(r, in, rapid.IntRange(0, 60).Draw(r, "bytes"))
	})
}

func holds(t failer, in string, maxBytes int) {
	t.Helper()
	name, line := text.Name(in), text.Text(in, maxBytes)
	if n := utf8.RuneCountInString(name); n > text.MaxName || len(name) > text.MaxNameBytes {
		t.Errorf("%+q has %d characters, %d bytes", name, n, len(name))
	}
	if len(line) > maxBytes {
		t.Errorf("%+q has %d bytes, not %d", line, len(line), maxBytes)
	}
	if again := text.Name(name); again != name {
		t.Errorf("%+q becomes %+q becomes %+q", in, name, again)
	}
	if again := text.Text(line, maxBytes); again != line {
		t.Errorf("%+q becomes %+q becomes %+q", in, line, again)
	}
	check(t, name)
	check(t, line)
	passesTheWire(t, name, line)
}

// failer is a test, of testing or of rapid.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// passesTheWire holds the rules of cleaning to those of the protocol, which knows
// nothing of them.
func passesTheWire(t failer, name, line string) {
	t.Helper()
	roster := protocol.AppendRoster(nil, &protocol.Roster{Entries: []protocol.RosterEntry{{Name: name}}})
	if r, err := protocol.ParseRoster(roster); err != nil || r.Entries[0].Name != name {
		t.Errorf("a roster with %+q: %v", name, err)
	}
	if len(line) > protocol.MaxChat {
		return
	}
	if s, err := protocol.ParseSay(protocol.AppendSay(nil, &protocol.Say{Text: line})); err != nil || s.Text != line {
		t.Errorf("chat with %+q: %v", line, err)
	}
}

func TestName_limitsAreThoseOfTheProtocol(t *testing.T) {
	if text.MaxName != protocol.MaxName || text.MaxNameBytes != protocol.MaxNameBytes {
		t.Error(text.MaxName, text.MaxNameBytes)
	}
}

func check(t failer, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%q is not UTF-8", s)
	}
	if !norm.NFC.IsNormalString(s) && !manyMarks(s) {
		t.Errorf("%+q is not in NFC", s)
	}
	if strings.TrimSpace(s) != s || strings.Contains(s, "  ") {
		t.Errorf("spaces in %+q", s)
	}
	marks := 3
	for _, r := range s {
		switch {
		case r == ' ', unicode.In(r, unicode.Mn, unicode.Me):
		case unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point):
			if r != '\u200c' && r != '\u200d' && (r < '\U000e0030' || r > '\U000e007f') {
				t.Errorf("%U in %+q", r, s)
			}
			continue
		case !unicode.IsGraphic(r) && !unicode.Is(unicode.Cn, r), unicode.IsSpace(r), r == utf8.RuneError, r == '\u2800':
			t.Errorf("%U in %+q", r, s)
		}
		switch {
		case r == ' ':
			marks = 3
		case !unicode.In(r, unicode.Mn, unicode.Me):
			marks = 0
		default:
			if marks++; marks > 3 {
				t.Errorf("%d marks on one character in %+q", marks, s)
			}
		}
	}
}

// manyMarks reports whether a text has what norm would divide, see clean.
func manyMarks(s string) bool {
	return len(s) > 30 && norm.NFC.String(s) != s && strings.Contains(norm.NFC.String(s), "\u034f")
}
