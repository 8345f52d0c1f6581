// Package ticket holds searches: who looks for what, who watches, and the one
// way each search ends.
package ticket

import (
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Key names a queue: one mode of one game.
type Key struct {
	Game string
	Mode string
}

// Ticket is one search. It does not change after it was created.
type Ticket struct {
	ID      string
	Player  string
	Name    string
	Key     Key
	Version string // game version of the client, empty for any
	Match   string // the one match that is wanted, empty for the best
	Room    string // code of the wanted match, if it is a private room
	Created time.Time
}

// State is how far a ticket is.
type State int

// States of a ticket. It leaves Searching exactly once.
const (
	Searching State = iota
	Assigned
	Ended
)

// Status is a ticket's state and what goes with it.
type Status struct {
	State      State
	Reason     matchmakerv1.EndReason // how the search ended
	Message    string                 // the reason as a sentence for people
	Assignment *Assignment            // in state Assigned
	At         time.Time              // when this state began
}

// Assignment tells where a player plays.
type Assignment struct {
	Match   string
	URL     string
	Token   string
	Game    string
	Mode    string
	Room    string
	Expires time.Time // of the token
}

var sentences = map[matchmakerv1.EndReason]string{
	matchmakerv1.EndReason_END_REASON_MATCHED:           "A match was found.",
	matchmakerv1.EndReason_END_REASON_CANCELLED:         "The search was cancelled.",
	matchmakerv1.EndReason_END_REASON_EXPIRED:           "No free place was found in time. Try again.",
	matchmakerv1.EndReason_END_REASON_REPLACED:          "You started another search somewhere else.",
	matchmakerv1.EndReason_END_REASON_ALLOCATION_FAILED: "No game server could take you. Try again in a moment.",
	matchmakerv1.EndReason_END_REASON_UNMATCHABLE:       "This match can't be joined.",
	matchmakerv1.EndReason_END_REASON_ABANDONED:         "Nobody waited for the search any more.",
	matchmakerv1.EndReason_END_REASON_SHUTDOWN:          "The matchmaker is stopping. Search again.",
}

// EndedBy is the status of a search that ended without a match. An empty
// message gets the reason's usual sentence.
func EndedBy(reason matchmakerv1.EndReason, message string) Status {
	if message == "" {
		message = sentences[reason]
	}
	return Status{State: Ended, Reason: reason, Message: message}
}

// AssignedTo is the status of a search that found its match.
func AssignedTo(a Assignment) Status {
	reason := matchmakerv1.EndReason_END_REASON_MATCHED
	return Status{State: Assigned, Reason: reason, Message: sentences[reason], Assignment: &a}
}
