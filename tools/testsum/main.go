// Command testsum reads the event stream of `go test -json` and prints what a
// person wants to read of it: a line per package, the whole output of each
// failed test, and at the end one line with the counts.
//
//	go test -json ./... | testsum [-o FILE]
//
// With -o it also writes "PASSED FAILED SKIPPED" to FILE, for scripts that add
// up several runs. It exits with 1 when something failed, or when no event came
// at all.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	counts := flag.String("o", "", "write \"PASSED FAILED SKIPPED\" to this `file`")
	flag.Parse()
	sum := newSummary(os.Stdout)
	if err := sum.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	sum.finish()
	if *counts != "" {
		line := fmt.Sprintln(sum.passed, sum.failed, sum.skipped)
		if err := os.WriteFile(*counts, []byte(line), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			os.Exit(1)
		}
	}
	if sum.failed > 0 || sum.events == 0 {
		os.Exit(1)
	}
}
