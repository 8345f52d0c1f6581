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
	// alphabet has no characters that look alike: no 0, 1, I, L, O or U.
	alphabet   = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength = 6
	// MaxTyped bounds the text in which a code is searched, such as an invitation.
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

// lookAlikes are letters of other alphabets that look like those of codes. Players type
// them when they copy a code with a Cyrillic or Greek keyboard.
var lookAlikes = strings.NewReplacer(
	"А", "A", "В", "B", "Е", "E", "К", "K", "М", "M", "Н", "H", "Р", "P", "С", "C", "Т", "T", "У", "Y", "Х", "X", "Ѕ", "S", "Ј", "J", "Ԛ", "Q", "Ԝ", "W",
	"Α", "A", "Β", "B", "Ε", "E", "Ζ", "Z", "Η", "H", "Κ", "K", "Μ", "M", "Ν", "N", "Ρ", "P", "Τ", "T", "Υ", "Y", "Χ", "X",
)

var (
	// inLink is a code as the value of a link's parameter.
	inLink = regexp.MustCompile(`[?&#](?:ROOM|PARTY|CODE)=([0-9A-Z-]+)`)
	// apart finds the words of a text that may be a code.
	apart = regexp.MustCompile(`[0-9A-Z]+(?:-[0-9A-Z]+)*`)
)

// Parse reads the code of a room or a party as players type and paste it. Case, width,
// spaces, dashes and invisible marks do not matter, and letters of other alphabets count
// as those that they look like. The code may be part of other text, such as a link. Among
// several candidates, one with a digit comes first, then the last one, because other text
// stands before a code.
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

// visible drops invisible characters, and makes every kind of space a space and every
// kind of dash a dash.
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

// exact reads a text that consists of a code alone.
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
