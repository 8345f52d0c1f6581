// Package feature names the additions to the protocol between game servers and
// matchmakers. Each side lists those it knows when a stream begins, and one
// holds on the stream where both know it, so that servers and matchmakers of
// different releases work together.
package feature

import "slices"

// Moderation is known by matchmakers that send the list of bans and ask for
// moderation, and by servers that answer (BanList, Moderate and Moderated of fleet.proto).
const Moderation = "moderation"

// Ping is known by servers that answer Ping with a Load immediately.
const Ping = "ping"

// Seals is known by servers that keep the seal of a join token and return it with the
// player's result (PlayerResult.seal of fleet.proto).
const Seals = "seals"

// Known returns the features of this release. The slice is the caller's.
func Known() []string { return []string{Moderation, Ping, Seals} }

// Common returns the features of this release that are in the other side's list.
func Common(theirs []string) []string {
	return slices.DeleteFunc(Known(), func(name string) bool { return !slices.Contains(theirs, name) })
}
