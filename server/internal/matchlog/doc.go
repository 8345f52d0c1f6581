// Package matchlog keeps what happened in each match: checkpoints of its state
// and, of every tick since, the joins, leaves, commands and changed inputs and
// the hash that came out. Since a match is a function of these, a log can be
// re-run, verified and looked at; docs/replay.md describes the file.
//
// A [Store] owns a directory and the one goroutine that writes to it. A
// [Writer] is called by a match within its tick, where it only appends to a
// buffer. A [Reader] reads a file tick by tick, [Verify] re-runs it and
// [Describe] says what is in it.
package matchlog
