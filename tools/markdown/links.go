package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// links checks links between the files below a directory.
type links struct {
	root    string
	anchors map[string]map[string]bool // of pages that were read, by path
}

func newLinks(root string) *links {
	return &links{root: root, anchors: map[string]map[string]bool{}}
}

var (
	codeSpan = regexp.MustCompile("`[^`\n]*`")
	// link matches the target of a link or a picture. Its text may go over two lines.
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	scheme = regexp.MustCompile(`^[a-z]+:`)
)

// check returns the findings in the links of a page, each with its line.
func (l *links) check(page, text string) (findings []string) {
	open := ""
	for i, line := range strings.Split(text, "\n") {
		was := open
		open = nextFence(open, line)
		if was != "" || open != "" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "X"), -1) {
			if why := l.broken(page, m[1]); why != "" {
				findings = append(findings, fmt.Sprintf("%d: link to %s: %s", i+1, m[1], why))
			}
		}
	}
	return findings
}

// broken says what is wrong with the target of a link in a page. Links to other
// sites are not followed.
func (l *links) broken(page, target string) string {
	if scheme.MatchString(target) {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := page
	if file != "" {
		to = path.Join(path.Dir(page), file)
	}
	if _, err := os.Stat(filepath.Join(l.root, to)); err != nil {
		return "no such file"
	}
	if anchor != "" && strings.HasSuffix(to, ".md") && !l.anchorsOf(to)[anchor] {
		return "no such heading"
	}
	return ""
}

// anchorsOf returns the anchors of a page's headings.
func (l *links) anchorsOf(page string) map[string]bool {
	if known := l.anchors[page]; known != nil {
		return known
	}
	anchors := map[string]bool{}
	l.anchors[page] = anchors
	text, err := os.ReadFile(filepath.Join(l.root, page))
	if err != nil {
		return anchors
	}
	open := ""
	for line := range strings.Lines(string(text)) {
		was := open
		open = nextFence(open, line)
		m := headingLine.FindStringSubmatch(strings.TrimSpace(line))
		if was != "" || open != "" || m == nil {
			continue
		}
		name := anchor(m[2])
		for n := 1; anchors[name]; n++ {
			name = fmt.Sprintf("%s-%d", anchor(m[2]), n)
		}
		anchors[name] = true
	}
	return anchors
}

var (
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	dropped  = regexp.MustCompile(`[^\p{L}\p{N}\p{M} _-]`)
)

// anchor makes the anchor of a heading as hosting platforms do.
func anchor(heading string) string {
	text := strings.ToLower(linkText.ReplaceAllString(heading, "$1"))
	return strings.ReplaceAll(dropped.ReplaceAllString(text, ""), " ", "-")
}
