package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

const (
	maxMarks = 3 // on one character
	// maxJoined is the number of emoji that can be joined to one. No existing emoji
	// has more than four. A longer chain would be a cluster of any length, which can't
	// be cut.
	maxJoined = 4

	zwnj          = '\u200c'
	zwj           = '\u200d'
	emojiStyle    = '\ufe0f' // variation selector 16
	keycap        = '\u20e3'
	blackFlag     = '\U0001f3f4'
	cancelTag     = '\U000e007f'
	brailleBlank  = '\u2800' // a symbol (So) without any dots
	graphemeGlue  = '\u034f'
	firstModifier = '\U0001f3fb' // skin tones
	lastModifier  = '\U0001f3ff'
)

// clean cleans a text and does not limit its length.
func clean(s string) string {
	s = norm.NFC.String(visible([]rune(s)))
	// norm inserts it into more than 30 marks in a row (UAX #15, stream-safe text).
	s = strings.ReplaceAll(s, string(graphemeGlue), "")
	return bareSpaces(fewMarks(s))
}

// visible keeps visible characters and the invisible ones that belong to them.
func visible(s []rune) string {
	var out strings.Builder
	for len(s) > 0 {
		n := 1
		switch r := s[0]; {
		case unicode.Is(unicode.White_Space, r):
			out.WriteByte(' ')
		case !shows(r):
		default:
			n = max(keycapLen(s), tagFlagLen(s))
			if n == 0 {
				n = emojiLen(s)
			}
			if n == 0 {
				n = joinedLen(s)
			}
			out.WriteString(string(s[:n]))
		}
		s = s[n:]
	}
	return out.String()
}

// shows reports whether a character is visible by itself.
func shows(r rune) bool {
	switch {
	case r >= ' ' && r <= '~':
		return true
	case r == utf8.RuneError, r == brailleBlank:
		return false
	case unicode.Is(unicode.Cn, r):
		// New emoji reach phones before they reach our tables. Unicode reserves code
		// points for them: unassigned, but Extended_Pictographic.
		return pictographic(r)
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
		return false
	}
	// With Cf these are the Default_Ignorable_Code_Points, Hangul fillers among them.
	return !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// pictographic reports whether a character is Extended_Pictographic: it is what
// a joiner joins to another emoji (rule GB11 of UAX #29). This asks the library
// that cuts the text, so that both know the same emoji.
func pictographic(r rune) bool {
	switch {
	case r == '\u00a9', r == '\u00ae', r >= '\u203c' && r <= '\u3299', r >= '\U0001f000' && r <= '\U0001fffd': // the only ones
		return uniseg.GraphemeClusterCount(string(r)+"\u200d\u2764") == 1
	}
	return false
}

// keycapLen is the length of a keycap such as 1️⃣ at the start of s, 0 for none.
func keycapLen(s []rune) int {
	if len(s) >= 3 && strings.ContainsRune("0123456789#*", s[0]) && s[1] == emojiStyle && s[2] == keycap {
		return 3
	}
	return 0
}

// tagFlagLen is the length of a flag that is spelled in tags, such as England's:
// a country's two letters and up to four of its part.
func tagFlagLen(s []rune) int {
	if s[0] != blackFlag {
		return 0
	}
	n := 1
	for n < len(s) && s[n] >= '\U000e0030' && s[n] <= '\U000e007a' {
		n++
	}
	if n < 4 || n > 7 || n == len(s) || s[n] != cancelTag {
		return 0
	}
	return n + 1
}

// emojiLen is the length of an emoji, with style, skin tone and what is joined.
func emojiLen(s []rune) int {
	n := 0
	for joined := 0; joined < maxJoined && n < len(s) && pictographic(s[n]); joined++ {
		n++
		if n < len(s) && s[n] == emojiStyle {
			n++
		}
		if n < len(s) && s[n] >= firstModifier && s[n] <= lastModifier {
			n++
		}
		if joined+1 == maxJoined || n+1 >= len(s) || s[n] != zwj || !pictographic(s[n+1]) {
			break
		}
		n++
	}
	return n
}

// joinedLen is the length of a character with its marks and the joiner that it
// keeps, 1 without one. What joins are the characters that the marks stand on:
// NFC may put the marks themselves into another order.
func joinedLen(s []rune) int {
	if !joins(s[0]) {
		return 1
	}
	n := 1
	for n < len(s) && unicode.IsMark(s[n]) && shows(s[n]) {
		n++
	}
	if n == len(s) || !isJoiner(s[n]) {
		return 1
	}
	n++
	next := n
	for next < len(s) && unicode.IsMark(s[next]) {
		next++
	}
	if next == len(s) || !joins(s[next]) || !shows(s[next]) {
		return 1
	}
	return n
}

func isJoiner(r rune) bool { return r == zwnj || r == zwj }

// joins reports whether a joiner beside the character has a meaning: the cursive
// scripts and those with conjuncts, from Arabic to Vedic, Syloti to Meetei, and
// beyond the first 65,536. Scripts in between that do not join can't do harm;
// Latin, Greek, Cyrillic, Hebrew, kana and Han are outside, where a joiner would
// only make two names of one. Digits count as letters do, for Persian.
func joins(r rune) bool {
	return !unicode.IsMark(r) &&
		(r >= '\u0600' && r <= '\u1cff' || r >= '\ua800' && r <= '\uabff' || r >= '\U00010a00' && r <= '\U0001e95f')
}

// fewMarks drops marks from the fourth on a character on, and those that stand
// on nothing.
func fewMarks(s string) string {
	var out strings.Builder
	marks, joiner := maxMarks, "" // the joiner waits for what it is followed by
	for _, r := range s {
		switch {
		case isJoiner(r):
			joiner = string(r)
			continue
		case !unicode.In(r, unicode.Mn, unicode.Me):
			if joiner != "" && marks <= maxMarks {
				out.WriteString(joiner)
			}
			out.WriteRune(r)
			marks = 0
			if r == ' ' {
				marks = maxMarks
			}
		case marks < maxMarks:
			out.WriteString(joiner)
			out.WriteRune(r)
			marks++
		default:
			marks = maxMarks + 1
		}
		joiner = ""
	}
	return out.String()
}

// bareSpaces leaves single spaces, and none at the ends.
func bareSpaces(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}
