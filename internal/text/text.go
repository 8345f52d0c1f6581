// Package text cleans text that players write for other players: names and chat. It
// repairs a text and never rejects it. Characters that are invisible or can't be shown
// are removed.
//
// The PRECIS profiles (RFC 8266, precis.Nickname) do not fit. They reject emoji with
// joiners or U+FE0F and all emoji newer than their tables, rewrite "ﬁ①™" to "fi1TM",
// and allow any number of accents on a letter.
//
// client-js/src/text.ts does the same in the browser. Both are tested with
// testdata/vectors.json.
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

// Name returns a player's name: a cleaned text of at most [MaxName] characters, cut
// between grapheme clusters. It is "" if nothing visible is left. Cleaning a cleaned
// name does not change it.
//
//   - The name is in NFC. Compatibility characters such as "①" stay.
//   - Any run of spaces, tabs and line breaks becomes one U+0020; at the ends it is
//     removed.
//   - Joiners stay in emoji and in scripts that join, U+FE0F and tag characters in
//     emoji and flags. Other invisible characters are removed: controls, directions,
//     fillers, private use, unassigned.
//   - A character has at most three combining marks.
func Name(s string) string { return limit(s, MaxName, MaxNameBytes) }

// Text returns a cleaned text of at most maxBytes bytes of UTF-8, such as a line of
// chat, by the rules of [Name].
func Text(s string, maxBytes int) string { return limit(s, maxBytes, maxBytes) }

func limit(s string, maxRunes, maxBytes int) string {
	if plain(s) && len(s) <= maxRunes {
		return s
	}
	return cut(clean(s), maxRunes, maxBytes)
}

// plain reports whether the text is clean: printable ASCII with single spaces. Most
// texts are.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

// cut keeps as many grapheme clusters as fit. If the first one is too large by itself,
// it is cut between its characters, so that something is shown.
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

// fitting returns the length of the characters that fit.
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
