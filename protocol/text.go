package protocol

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// forbidden reports whether text for people must not hold the character:
// control characters, line and paragraph separators, and the controls that
// turn the direction of what follows, with which a name could disguise itself.
// The package internal/text cleans names and texts as they come in; what it
// leaves passes here.
func forbidden(c rune) bool {
	return unicode.IsControl(c) ||
		c == '\u2028' || c == '\u2029' ||
		c >= '\u202A' && c <= '\u202E' ||
		c >= '\u2066' && c <= '\u2069'
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
