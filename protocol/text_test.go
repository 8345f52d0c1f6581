package protocol_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tactus/protocol"
)

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"Ada":                           "Ada",
		"  Ada \t\n Lovelace  ":         "Ada Lovelace",
		"":                              "",
		" \u200b\u202e ":                "",
		"a\x00b\x7fc":                   "abc",
		"a\u202eb\u2066c\u200dd":        "abcd",
		"\xff\xfeAda\x80":               "Ada",
		"Müller ☂":                      "Müller ☂",
		strings.Repeat("ä", 30):         strings.Repeat("ä", 24),
		strings.Repeat("a", 23) + " b":  strings.Repeat("a", 23),
		strings.Repeat("a", 22) + " bc": strings.Repeat("a", 22) + " b",
	} {
		got := protocol.CleanName(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if protocol.CleanName(got) != got {
			t.Errorf("%q is not clean", got)
		}
	}
}

func TestCleanTextPassesTheParser(t *testing.T) {
	for _, in := range []string{"", "hello", "a\nb\tc", "\xff", "👩‍👩‍👧 family", strings.Repeat("☂", 100), "x\u202ey", "a\u2028b"} {
		got := protocol.CleanText(in, protocol.MaxChat)
		if len(got) > protocol.MaxChat || !utf8.ValidString(got) {
			t.Errorf("%q: %q", in, got)
		}
		said, err := protocol.ParseSay(protocol.AppendSay(nil, &protocol.Say{Text: got}))
		if err != nil || said.Text != got {
			t.Errorf("%q: %q, %v", in, said.Text, err)
		}
	}
	if got := protocol.CleanText("👩‍👧 ok", protocol.MaxChat); got != "👩‍👧 ok" {
		t.Errorf("a joined emoji came apart: %q", got)
	}
}
