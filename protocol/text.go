package protocol

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// forbidden reports whether text for people must not hold the character:
// control characters, line and paragraph separators, and the controls that
// turn the direction of what follows, with which a name could disguise itself.
func forbidden(c rune) bool {
	return unicode.IsControl(c) ||
		c == '\u2028' || c == '\u2029' ||
		c >= '\u202A' && c <= '\u202E' ||
		c >= '\u2066' && c <= '\u2069'
}

// CleanName makes a player's name out of whatever somebody typed: characters
// that do not show are dropped, runs of spaces become one, the ends are trimmed
// and at most [MaxName] characters are kept. It returns "" when nothing is left.
func CleanName(s string) string {
	invisible := func(c rune) bool { return forbidden(c) || unicode.Is(unicode.Cf, c) }
	return clean(s, MaxName, MaxNameBytes, invisible)
}

// CleanText makes a text that fits limit bytes and holds nothing that text for
// people must not hold; it is cut at a whole character.
func CleanText(s string, limit int) string { return clean(s, limit, limit, forbidden) }

func clean(s string, maxRunes, maxBytes int, drop func(rune) bool) string {
	var out strings.Builder
	runes, gap := 0, false
	for _, c := range s {
		switch {
		case unicode.IsSpace(c):
			gap = runes > 0
			continue
		case c == utf8.RuneError, drop(c):
			continue
		}
		width := utf8.RuneLen(c)
		if gap {
			width++
		}
		if runes+1 > maxRunes || gap && runes+2 > maxRunes || out.Len()+width > maxBytes {
			break
		}
		if gap {
			out.WriteByte(' ')
			runes++
			gap = false
		}
		out.WriteRune(c)
		runes++
	}
	return out.String()
}

// text returns a string for people of at most limit bytes.
func (r *reader) text(limit int) string {
	b := r.str(limit)
	if !validText(b) {
		r.fail(ErrText)
		return ""
	}
	return string(b)
}

// validText reports whether the bytes are UTF-8 and hold nothing that text for
// people must not hold.
func validText(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, forbidden) < 0
}

// name returns a player's name.
func (r *reader) name() string {
	s := r.text(MaxNameBytes)
	if utf8.RuneCountInString(s) > MaxName {
		r.fail(ErrTooLong)
		return ""
	}
	return s
}
