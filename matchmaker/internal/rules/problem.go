package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a rules file.
type Problem struct {
	File    string // as it was given
	Line    int    // from 1; 0: unknown
	Path    string // such as skill.relax[1].after; empty: the file as a whole
	Message string // what is wrong and what is expected
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Path != "" {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(p.Path)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are all mistakes of one or several files, by file and line: the error of
// [Parse], [ParseAll], [Load] and [Queue.Complete].
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// orNil returns nil if there are no problems.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	if len(p) > maxProblems {
		more := len(p) - maxProblems
		p = append(p[:maxProblems:maxProblems], Problem{File: p[maxProblems-1].File, Message: fmt.Sprintf("and %d more mistakes", more)})
	}
	return p
}

// report collects the problems of one document. It keeps the first problem of each
// path, and none of the paths inside, since these follow from it.
type report struct {
	file     string
	lines    map[string]int // by path
	problems Problems
	reported map[string]bool
}

func newReport(file string) *report {
	return &report{file: file, lines: make(map[string]int), reported: make(map[string]bool)}
}

func (r *report) add(path, format string, args ...any) {
	for at := path; ; at = enclosing(at) {
		if r.reported[at] {
			return
		}
		if at == "" {
			break
		}
	}
	r.reported[path] = true
	r.problems = append(r.problems, Problem{File: r.file, Line: r.line(path), Path: path, Message: fmt.Sprintf(format, args...)})
}

// line is the line of the path, or of the nearest path around it.
func (r *report) line(path string) int {
	for {
		if line, ok := r.lines[path]; ok || path == "" {
			return line
		}
		path = enclosing(path)
	}
}

// enclosing is the path without its last step; at last empty.
func enclosing(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
