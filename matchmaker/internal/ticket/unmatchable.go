package ticket

import "fmt"

// Unmatchable says whether the match that a ticket wants can't be joined, and why.
// The zero value means that it can.
type Unmatchable struct {
	Reason  UnmatchableReason
	Message string // for players
}

// UnmatchableReason is why the match that a ticket wants can't be joined.
type UnmatchableReason int

// Reasons of an [Unmatchable].
const (
	Matchable   UnmatchableReason = iota // no reason
	MatchClosed                          // the match has ended, or is not open
	MatchFull
	VersionDiffers
	RoomCodeInvalid
	RoomGone
	RoomFull
	// UnmatchableElsewhere is the reason of a ticket that another replica made:
	// only messages are sent between replicas.
	UnmatchableElsewhere
)

var unmatchableMessages = map[UnmatchableReason]string{
	MatchClosed:     "This match has ended or is not open.",
	MatchFull:       "This match is full.",
	RoomCodeInvalid: "There is no room with this code.",
	RoomGone:        "There is no room with this code (any more).",
	RoomFull:        "This room is full.",
}

// NewUnmatchable returns a reason with its message.
func NewUnmatchable(reason UnmatchableReason) Unmatchable {
	return Unmatchable{Reason: reason, Message: unmatchableMessages[reason]}
}

// NewVersionDiffers is for a player whose version of the game is not the match's.
func NewVersionDiffers(match, player string) Unmatchable {
	return Unmatchable{
		Reason:  VersionDiffers,
		Message: fmt.Sprintf("This match runs version %s of the game, yours is %s. Reload the page.", match, player),
	}
}

// MarshalText writes the message, as earlier releases do. The receiver is a pointer, as
// it is in a record: a value would be copied for each.
func (u *Unmatchable) MarshalText() ([]byte, error) { return []byte(u.Message), nil }

// UnmarshalText reads what MarshalText writes.
func (u *Unmatchable) UnmarshalText(message []byte) error {
	*u = Unmatchable{}
	if len(message) > 0 {
		*u = Unmatchable{Reason: UnmatchableElsewhere, Message: string(message)}
	}
	return nil
}
