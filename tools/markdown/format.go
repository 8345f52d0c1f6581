package main

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	listItem = regexp.MustCompile(`^( *)([-*+]|[0-9]+[.)]) +`)
	// block matches lines that stay as they are: headings, rows of tables, HTML,
	// quotes, rules and definitions of links.
	block = regexp.MustCompile(`^ *(#{1,6} |\||<|>|(\* *){3,}$|(- *){3,}$|\[[^\]]+\]: )`)
	// startsBlock matches words that a paragraph's line must not begin with.
	startsBlock = regexp.MustCompile(`^([-*+]|#{1,6}|[0-9]+[.)]|[|><].*|={1,}|-{2,})$`)
	// word is a run without spaces, in which a code span counts as one character.
	word = regexp.MustCompile("(?:(`+)[^`]+`+|[^\\s`]|`)+")
)

// format returns a page with paragraphs and items of lists wrapped. Code, tables,
// headings, HTML and quotes stay as they are.
func format(page string) string {
	var f formatter
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		switch {
		case f.fence != "" || isFence(line) != "":
			f.flush()
			f.out = append(f.out, line)
			f.fence = nextFence(f.fence, line)
		case f.comment || strings.HasPrefix(strings.TrimSpace(line), "<!--"):
			f.flush()
			f.out = append(f.out, line)
			f.comment = !strings.Contains(line, "-->")
		case strings.TrimSpace(line) == "" || block.MatchString(line):
			f.flush()
			f.out = append(f.out, line)
		default:
			f.text(line, i > 0 && strings.TrimSpace(lines[i-1]) == "")
		}
	}
	f.flush()
	return strings.Join(f.out, "\n")
}

// formatter collects the lines of one paragraph or item until it ends.
type formatter struct {
	out           []string
	fence         string // that ends the code block; empty: not in one
	comment       bool
	first, indent string // before the first line, and before the others
	paragraph     []string
}

// text adds a line to the paragraph, or begins another one with it.
func (f *formatter) text(line string, afterBlank bool) {
	if marker := listItem.FindString(line); marker != "" {
		f.flush()
		f.first, f.indent = marker, strings.Repeat(" ", len(marker))
		line = line[len(marker):]
	} else if afterBlank || len(f.paragraph) == 0 {
		f.flush()
		f.first = line[:len(line)-len(strings.TrimLeft(line, " "))]
		f.indent = f.first
	}
	f.paragraph = append(f.paragraph, line)
	if strings.HasSuffix(line, `\`) { // a hard break
		f.flush()
		f.first = f.indent
	}
}

// flush writes the paragraph, wrapped.
func (f *formatter) flush() {
	if len(f.paragraph) == 0 {
		return
	}
	line, empty := f.first, true
	for _, w := range words(strings.Join(f.paragraph, " ")) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width {
			f.out = append(f.out, line)
			line, empty = f.indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+w, false
	}
	f.out = append(f.out, line)
	f.paragraph = nil
}

// words splits a text at spaces, but not in code spans and not before a word that
// would begin a block at the beginning of a line.
func words(text string) []string {
	var list []string
	for _, w := range word.FindAllString(text, -1) {
		if len(list) > 0 && startsBlock.MatchString(w) {
			list[len(list)-1] += " " + w
			continue
		}
		list = append(list, strings.Join(strings.Fields(w), " "))
	}
	return list
}

var fence = regexp.MustCompile("^ *(```+|~~~+)")

// isFence returns the ticks with which a line begins or ends a code block.
func isFence(line string) string {
	if m := fence.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// nextFence returns what ends the code block that the line is in or begins.
func nextFence(open, line string) string {
	ticks := isFence(line)
	switch {
	case open == "":
		return ticks
	case strings.HasPrefix(ticks, open) && strings.TrimSpace(line) == ticks:
		return ""
	}
	return open
}
