package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// linter holds what the rules know of the lines before.
type linter struct {
	wrapped  bool // lines are limited
	findings []string
	fence    string
	level    int // of the last heading
	path     [7]string
	sections map[string]bool // headings with those above
	cells    int             // of the table that the last line is in; 0: none
	before   string          // the last line
}

// lint returns the findings of the five rules in a page, each with its line.
// Generated pages may have long lines.
func lint(page string) []string {
	l := &linter{wrapped: !generated.MatchString(page), sections: map[string]bool{}}
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		after := ""
		if i+1 < len(lines) {
			after = lines[i+1]
		}
		l.line(i+1, line, after)
		l.before = line
	}
	if l.fence != "" {
		l.report(len(lines), "code block has no end")
	}
	if !strings.HasSuffix(page, "\n") || strings.HasSuffix(page, "\n\n") {
		l.report(len(lines), "page must end with one line break")
	}
	return l.findings
}

func (l *linter) report(line int, format string, args ...any) {
	l.findings = append(l.findings, fmt.Sprintf("%d: %s", line, fmt.Sprintf(format, args...)))
}

func (l *linter) line(n int, line, after string) {
	if l.fence == "" || isFence(line) != "" {
		l.codeBlock(n, line, after)
	}
	if l.fence != "" {
		return
	}
	l.heading(n, line)
	l.table(n, line)
	l.space(n, line)
	l.length(n, line)
}

// length: no line over the width, unless it is of a kind that stays as it is, or one
// word.
func (l *linter) length(n int, line string) {
	if l.wrapped && l.cells == 0 && utf8.RuneCountInString(line) > width &&
		strings.Contains(strings.TrimSpace(line), " ") && !block.MatchString(line) {
		l.report(n, "line has over %d columns", width)
	}
}

var headingLine = regexp.MustCompile(`^(#{1,6}) (.+)$`)

// heading: the first is of level 1, there is one of these, a level is not skipped,
// and sections of one parent have different names.
func (l *linter) heading(n int, line string) {
	m := headingLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	level := len(m[1])
	switch {
	case level > l.level+1:
		l.report(n, "heading of level %d after level %d", level, l.level)
	case level == 1 && l.level > 0:
		l.report(n, "second title")
	}
	l.level = level
	l.path[level] = m[2]
	name := strings.Join(l.path[1:level+1], "\n")
	if l.sections[name] {
		l.report(n, "section %q is there twice", m[2])
	}
	l.sections[name] = true
}

// codeBlock: it has a language, and blank lines around it.
func (l *linter) codeBlock(n int, line, after string) {
	ticks := isFence(line)
	if ticks == "" {
		return
	}
	was := l.fence
	l.fence = nextFence(was, line)
	switch {
	case was == "":
		if strings.TrimSpace(strings.Replace(line, ticks, "", 1)) == "" {
			l.report(n, "code block without a language")
		}
		if strings.TrimSpace(l.before) != "" {
			l.report(n, "no blank line before a code block")
		}
	case l.fence == "" && strings.TrimSpace(after) != "":
		l.report(n, "no blank line after a code block")
	}
}

var cellEnd = regexp.MustCompile(`(^|[^\\])\|`)

// table: all rows have as many cells, and a blank line is before the first.
func (l *linter) table(n int, line string) {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		if l.cells > 0 && line != "" {
			l.report(n, "no blank line after a table")
		}
		l.cells = 0
		return
	}
	cells := len(cellEnd.FindAllString(line, -1)) - 1
	switch {
	case l.cells == 0 && strings.TrimSpace(l.before) != "":
		l.report(n, "no blank line before a table")
	case l.cells > 0 && cells != l.cells:
		l.report(n, "row of %d cells in a table of %d", cells, l.cells)
	}
	l.cells = cells
}

// space: no tabs, no spaces at the end of a line, no two blank lines.
func (l *linter) space(n int, line string) {
	switch {
	case strings.Contains(line, "\t"):
		l.report(n, "tab")
	case line != strings.TrimRight(line, " "):
		l.report(n, "space at the end of the line")
	case line == "" && l.before == "" && n > 1:
		l.report(n, "two blank lines")
	}
}
