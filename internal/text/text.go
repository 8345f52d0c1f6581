// Package text cleans what people write for other people to read: every name
// and every line of chat that comes in passes through it. A text is repaired,
// not refused; what can't be shown, or hides, is left out.
//
// The profiles of PRECIS (RFC 8266, precis.Nickname) do half of the opposite:
// they refuse emoji with joiners or U+FE0F and all emoji newer than their
// tables, rewrite "ﬁ①™" to "fi1TM", and let any number of accents on a letter
// pass.
//
// client-js/src/text.ts does the same in the browser; testdata/vectors.json
// holds both to it.
package text

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

const (
	// MaxName bounds a name, in characters (Unicode code points), as
	// protocol.MaxName does on the wire.
	MaxName = 24
	// MaxNameBytes bounds a name in UTF-8.
	MaxNameBytes = MaxName * utf8.UTFMax
)

// Name returns a player's name made of what was typed: at most [MaxName]
// characters, cut where a reader sees one end. It is "" when nothing is left
// that shows. A cleaned name stays as it is.
//
//   - The name is in NFC. Compatibility characters such as "①" stay.
//   - Any space, tab or line break is one U+0020; there is none at the ends and
//     there are no two in a row.
//   - Joiners stay in emoji and in scripts that join, U+FE0F and tag characters
//     in emoji and flags. All else that never shows goes: controls, directions,
//     fillers, private use, unassigned.
//   - A character has three combining marks at most.
func Name(s string) string { return limit(s, MaxName, MaxNameBytes) }

// Text returns a text of at most limit bytes of UTF-8, such as a line of chat,
// by the rules of [Name].
func Text(s string, maxBytes int) string { return limit(s, maxBytes, maxBytes) }

func limit(s string, maxRunes, maxBytes int) string {
	if plain(s) && len(s) <= maxRunes {
		return s
	}
	return cut(clean(s), maxRunes, maxBytes)
}

// plain reports whether nothing is to be cleaned, which most often is so.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

// cut keeps as many grapheme clusters as fit. A first one that is too large by
// itself is cut between its characters: something is shown, not nothing.
func cut(s string, maxRunes, maxBytes int) string {
	end, runes, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		runes += utf8.RuneCountInString(cluster)
		if runes > maxRunes || end+len(cluster) > maxBytes {
			break
		}
		end += len(cluster)
	}
	switch end {
	case len(s):
		return s
	case 0:
		end = fitting(s, maxRunes, maxBytes)
	}
	return clean(s[:end]) // a joiner at the end joins nothing
}

// fitting is the length of the characters that fit.
func fitting(s string, maxRunes, maxBytes int) int {
	end := 0
	for i, r := range s {
		if maxRunes == 0 || i+utf8.RuneLen(r) > maxBytes {
			break
		}
		maxRunes--
		end = i + utf8.RuneLen(r)
	}
	return end
}
