// Package matchlog writes, reads and verifies match logs.
//
// A log holds checkpoints of a match's state and, for every tick since, the joins,
// leaves, commands and changed inputs, and the hash of the state after the tick. A
// match is a function of these, so that a log can be run again and verified.
// docs/replay.md describes the file.
//
// A [Store] owns a directory and the goroutine that writes to it. A match calls its
// [Writer] within a tick; the writer only appends to a buffer. A [Reader] reads a
// file tick by tick, [Verify] runs it again, and [Describe] summarizes it.
package matchlog
