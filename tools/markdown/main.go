// Command markdown wraps paragraphs and lists of the repository's Markdown pages at
// 100 columns, except in generated pages:
//
//	markdown [-root DIR]     report pages that are not formatted; exit code 1 if any is not.
//	markdown [-root DIR] -w  format them.
//
// Prettier was tried first: it pads the cells of tables to one width, so that a long
// cell makes every row of its table as long. Rules and links are markdownlint's.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// width is the longest line of a paragraph or list.
const width = 100

func main() {
	root := flag.String("root", ".", "`directory` of the repository")
	write := flag.Bool("w", false, "write formatted pages")
	flag.Parse()
	findings, err := run(*root, *write)
	if err != nil {
		fmt.Fprintln(os.Stderr, "markdown:", err)
		os.Exit(2)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		os.Exit(1)
	}
}

// run formats the pages below root, or returns a line for each that is not formatted.
func run(root string, write bool) ([]string, error) {
	paths, err := pages(root)
	if err != nil {
		return nil, err
	}
	var findings []string
	for _, path := range paths {
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return nil, err
		}
		text := string(b)
		if generated.MatchString(text) {
			continue
		}
		formatted := format(text)
		line := firstDifference(text, formatted)
		switch {
		case line == 0:
		case write:
			if err := os.WriteFile(filepath.Join(root, path), []byte(formatted), 0o644); err != nil {
				return nil, err
			}
		default:
			findings = append(findings, fmt.Sprintf("%s:%d: not formatted; run make fmt", path, line))
		}
	}
	return findings, nil
}

// generated marks a page that a program writes as a whole.
var generated = regexp.MustCompile(`<!-- (Generated|Written) by `)

// skipped are directories with pages of others, and with what is built.
var skipped = []string{".git", ".bin", ".cache", "bin", "dist", "node_modules"}

// pages returns the paths of all pages below root.
func pages(root string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && slices.Contains(skipped, e.Name()):
			return filepath.SkipDir
		case !e.IsDir() && strings.HasSuffix(path, ".md"):
			relative, err := filepath.Rel(root, path)
			paths = append(paths, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	return paths, err
}

// firstDifference returns the number of the first line that differs; 0: none does.
func firstDifference(a, b string) int {
	if a == b {
		return 0
	}
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return i + 1
		}
	}
	return min(len(as), len(bs)) + 1
}
