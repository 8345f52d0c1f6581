// Package feature names the additions to the protocol between game servers and
// matchmakers. Each side lists those it knows when a stream begins, and one
// holds on the stream where both know it, so that servers and matchmakers of
// different releases work together.
package feature

import "slices"

// Known returns the features of this release. The slice is the caller's.
func Known() []string { return []string{} }

// Common returns the features of this release that are in the other side's list.
func Common(theirs []string) []string {
	return slices.DeleteFunc(Known(), func(name string) bool { return !slices.Contains(theirs, name) })
}
