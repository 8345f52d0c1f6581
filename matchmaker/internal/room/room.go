// Package room makes and reads the codes of private rooms. A private match's id
// carries its code, so that a matchmaker that restarts knows the rooms again
// as soon as the servers tell their matches, and finds the match of a code
// without a table.
package room

import "strings"

const prefix = "room-"

// IsMatch reports whether a match is a private room's.
func IsMatch(id string) bool { return strings.HasPrefix(id, prefix) }

// MatchID is the id of the private match with the code.
func MatchID(code string) string { return prefix + strings.ToLower(code) }
