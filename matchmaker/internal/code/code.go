// Package code makes and reads the codes of rooms and parties.
package code

import (
	"crypto/rand"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	// alphabet has no 0, 1, I, L, O or U: nothing that reads like another.
	alphabet   = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength = 6
	// MaxTyped bounds what a code is looked for in: an invitation with a link.
	MaxTyped = 512
)

// New draws a code: 30^6, about 2^29 possibilities.
func New() string {
	code := make([]byte, 0, codeLength)
	var buf [16]byte
	for len(code) < codeLength {
		_, _ = rand.Read(buf[:]) // never fails, see crypto/rand
		for _, b := range buf {
			// 240 is the largest multiple of 30 in a byte; above it the
			// remainder would favour the first letters.
			if b < 240 && len(code) < codeLength {
				code = append(code, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(code)
}

// lookAlikes are letters of other alphabets that look like those of codes: who
// copies a code from a screen by a Cyrillic or Greek keyboard types them.
var lookAlikes = strings.NewReplacer(
	"А", "A", "В", "B", "Е", "E", "К", "K", "М", "M", "Н", "H", "Р", "P", "С", "C", "Т", "T", "У", "Y", "Х", "X", "Ѕ", "S", "Ј", "J", "Ԛ", "Q", "Ԝ", "W",
	"Α", "A", "Β", "B", "Ε", "E", "Ζ", "Z", "Η", "H", "Κ", "K", "Μ", "M", "Ν", "N", "Ρ", "P", "Τ", "T", "Υ", "Y", "Χ", "X",
)

var (
	// inLink is a code as the value of a link's parameter.
	inLink = regexp.MustCompile(`[?&#](?:ROOM|PARTY|CODE)=([0-9A-Z-]+)`)
	// apart are what may be a code within a text.
	apart = regexp.MustCompile(`[0-9A-Z]+(?:-[0-9A-Z]+)*`)
)

// Parse reads the code of a room or a party as people type and paste it: in any
// case and width, with spaces, dashes and marks that nobody sees, in letters of
// other alphabets that look the same, and with other text around it, such as a
// link. Of several that may be the code, one with a digit comes first, then the
// last: what surrounds a code are words before it.
func Parse(typed string) (code string, ok bool) {
	if len(typed) > MaxTyped {
		return "", false
	}
	text := lookAlikes.Replace(strings.ToUpper(norm.NFKC.String(strings.Map(visible, typed))))
	if code, ok = exact(text); ok {
		return code, true
	}
	if m := inLink.FindStringSubmatch(text); m != nil {
		if code, ok = exact(m[1]); ok {
			return code, true
		}
	}
	for _, part := range parts(text) {
		if found, is := exact(part); is && (!strings.ContainsAny(code, "23456789") || strings.ContainsAny(found, "23456789")) {
			code, ok = found, true
		}
	}
	return code, ok
}

// parts are the words of a text, whole and between their dashes.
func parts(text string) (list []string) {
	for _, word := range apart.FindAllString(text, -1) {
		list = append(list, strings.Split(word, "-")...)
		list = append(list, word)
	}
	return list
}

// visible drops what can't be seen and makes a space of every space and a dash of
// every dash.
func visible(r rune) rune {
	switch {
	case unicode.Is(unicode.Cf, r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	case unicode.Is(unicode.Pd, r), r == '−', r == '_':
		return '-'
	}
	return r
}

// exact reads a text that holds nothing but a code.
func exact(text string) (code string, ok bool) {
	out := make([]byte, 0, codeLength)
	for _, c := range []byte(text) {
		switch {
		case c == ' ' || c == '-':
			continue
		case strings.IndexByte(alphabet, c) < 0 || len(out) == codeLength:
			return "", false
		}
		out = append(out, c)
	}
	return string(out), len(out) == codeLength
}
