package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const page = "# Page\n\n<!-- begin codes: generated -->\nold\n<!-- end codes -->\n\nMore.\n"

func TestRun_writesTheBlock(t *testing.T) {
	path := write(t, page)
	if err := run([]string{path, "codes"}, strings.NewReader("| a |\n"), false); err != nil {
		t.Fatal(err)
	}
	const want = "# Page\n\n<!-- begin codes: generated -->\n\n| a |\n\n<!-- end codes -->\n\nMore.\n"
	if got := read(t, path); got != want {
		t.Errorf("page is\n%s\nwant\n%s", got, want)
	}
	if err := run([]string{path, "codes"}, strings.NewReader("| a |\n"), true); err != nil {
		t.Errorf("a current block is rejected: %v", err)
	}
}

func TestRun_checkRejectsAnOldBlock(t *testing.T) {
	path := write(t, page)
	err := run([]string{path, "codes"}, strings.NewReader("| a |\n"), true)
	if err == nil || !strings.Contains(err.Error(), "out of date") {
		t.Errorf("error %v, want one that says out of date", err)
	}
	if got := read(t, path); got != page {
		t.Errorf("the check changed the page to\n%s", got)
	}
}

func TestReplace_rejectsWhatItCannotPlace(t *testing.T) {
	for want, args := range map[string][3]string{
		"no block reasons":      {page, "reasons", "text"},
		"nothing was generated": {page, "codes", "\n"},
		"has no end":            {"<!-- begin codes: generated -->\n", "codes", "text"},
	} {
		if _, err := replace(args[0], args[1], args[2]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
