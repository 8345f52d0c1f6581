// Command docblock puts generated text into a block of a Markdown page:
//
//	generator | docblock PAGE BLOCK
//
// The block is between the lines "<!-- begin BLOCK: ... -->" and
// "<!-- end BLOCK -->". With DOCBLOCK=check in the environment docblock changes
// nothing and fails if the page has another text. `make gen` writes all blocks,
// `make gen-check` checks them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Getenv("DOCBLOCK") == "check"); err != nil {
		fmt.Fprintln(os.Stderr, "docblock:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, check bool) error {
	if len(args) != 2 {
		return errors.New("usage: docblock PAGE BLOCK")
	}
	page, block := args[0], args[1]
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	after, err := replace(string(before), block, string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", page, err)
	case after == string(before):
		return nil
	case check:
		return fmt.Errorf("%s: block %s is out of date; run make gen", page, block)
	}
	return os.WriteFile(page, []byte(after), 0o644)
}

// replace returns the page with text in the block. An empty text is an error: the
// generator has failed.
func replace(page, block, text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errors.New("nothing was generated")
	}
	before, rest, found := strings.Cut(page, "<!-- begin "+block+":")
	if !found {
		return "", fmt.Errorf("no block %s", block)
	}
	note, rest, found := strings.Cut(rest, " -->\n")
	if !found {
		return "", fmt.Errorf("the first line of block %s has no end", block)
	}
	end := "<!-- end " + block + " -->"
	_, after, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("block %s has no end", block)
	}
	return before + "<!-- begin " + block + ":" + note + " -->\n\n" + text + "\n\n" + end + after, nil
}
