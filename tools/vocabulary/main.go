// Command vocabulary keeps words out of declared names that a newcomer to the
// code could not guess. It reads the Go files of the given directories and looks
// at the names of files, packages, types, functions, methods, fields, parameters,
// variables, constants and labels, in tests too. Generated files are left out.
//
//	vocabulary [-root DIR] [-words FILE] [-allowed FILE] [-report] DIR...
//
// It exits with 1 when it found something, unless -report is given. A line of the
// allow list that allows nothing is a finding, too.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	root := flag.String("root", ".", "`directory` that the others are relative to")
	words := flag.String("words", "vocabulary/words.txt", "`file` of words and what to use instead")
	allowed := flag.String("allowed", "vocabulary/allowed.txt", "`file` of names that may use them")
	report := flag.Bool("report", false, "report only")
	flag.Parse()
	findings, err := check(*root, *words, *allowed, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "vocabulary:", err)
		os.Exit(2)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	if len(findings) > 0 {
		fmt.Printf("vocabulary: %d findings; docs/glossary.md has the words\n", len(findings))
		if !*report {
			os.Exit(1)
		}
	}
}

// check returns a line for each finding.
func check(root, words, allowed string, dirs []string) ([]string, error) {
	v := &vocabulary{words: map[string]string{}}
	if err := eachLine(words, 2, func(columns []string) { v.words[columns[0]] = columns[1] }); err != nil {
		return nil, err
	}
	if err := eachLine(allowed, 3, func(columns []string) {
		v.allowed = append(v.allowed, exception{name: columns[0], path: filepath.ToSlash(columns[1])})
	}); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := v.directory(root, filepath.Join(root, dir)); err != nil {
			return nil, err
		}
	}
	for _, e := range v.allowed {
		if !e.used && covered(dirs, e.path) {
			v.findings = append(v.findings, fmt.Sprintf("%s: %s in %s is allowed and not declared", allowed, e.name, e.path))
		}
	}
	return v.findings, nil
}

// covered reports whether a path is in one of the directories.
func covered(dirs []string, path string) bool {
	for _, d := range dirs {
		if inside(path, filepath.ToSlash(filepath.Clean(d))) {
			return true
		}
	}
	return false
}

// inside reports whether a path is a directory or something in it.
func inside(path, dir string) bool {
	return dir == "." || path == dir || strings.HasPrefix(path, dir+"/")
}

// eachLine calls f with the columns of each line that is not empty or a comment.
func eachLine(file string, columns int, f func(columns []string)) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, "\t", columns)
		if len(parts) != columns || strings.TrimSpace(parts[columns-1]) == "" {
			return fmt.Errorf("%s:%d: want %d columns with tabs between them", file, n, columns)
		}
		f(parts)
	}
	return s.Err()
}
