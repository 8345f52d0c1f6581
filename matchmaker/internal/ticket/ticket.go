// Package ticket implements the searches of players.
//
// A [Ticket] is one search, of a player or a party. The [Registry] holds the tickets of
// this process's queues with their states. A ticket ends exactly once: with the
// assignment to a match, or without one. Each member of a ticket watches it; a ticket
// without watchers is abandoned.
package ticket

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Key names a mode of a game.
type Key struct {
	Game string
	Mode string
}

// Ticket is one search, of a player or a party. It never changes.
type Ticket struct {
	ID         string
	Queue      string
	Key        Key
	Members    []Member // one or more, the leader first
	Version    string   // game version of the clients; empty: any
	Match      string   // ID of the wanted match; empty: any
	Returns    bool     // the player has a seat in the wanted match
	Room       string   // code of the room of the wanted match; empty: none
	Awaits     bool     // the wanted match may not exist yet: wait for it
	Attributes map[string][]string
	Latency    map[string]time.Duration // by region
	Priority   int
	Created    time.Time
	Expiry     time.Duration
	// Unmatchable has a reason when the wanted match can't be joined. The search ends
	// with it as soon as it is in its queue.
	Unmatchable Unmatchable `json:"Doomed"`
	// OneWatcher means that one watcher is enough for all members: a back end watches
	// for them.
	OneWatcher bool
}

// Member is one player of a ticket.
type Member struct {
	Secret string // of the member's handle
	Player string
	Name   string
	Skill  float64 // rating points
	Claim  uint64  // revision of the player's claim, which drops it
}

// NewID draws the ID of a ticket in a queue. See [QueueOf].
func NewID(queue string) string {
	return "t." + base64.RawURLEncoding.EncodeToString([]byte(queue)) + "." + strings.ToLower(rand.Text())
}

// NewSecret draws the secret of a member's handle.
func NewSecret() string { return strings.ToLower(rand.Text()[:16]) }

// Name draws the ticket's ID, which contains its queue, and the secrets of its members.
func (t *Ticket) Name() {
	t.ID = NewID(t.Queue)
	for i := range t.Members {
		t.Members[i].Secret = NewSecret()
	}
}

// Handle is the text by which a member watches: the ticket's ID and the member's secret.
func (t *Ticket) Handle(member int) string { return t.ID + "." + t.Members[member].Secret }

// Size is the number of players.
func (t *Ticket) Size() int { return len(t.Members) }

// Member finds the member with a secret.
func (t *Ticket) Member(secret string) (int, bool) {
	for i, m := range t.Members {
		if subtle.ConstantTimeCompare([]byte(m.Secret), []byte(secret)) == 1 {
			return i, true
		}
	}
	return 0, false
}

// QueueOf returns the queue of a ticket's ID or handle.
func QueueOf(id string) (string, bool) {
	parts := strings.Split(id, ".")
	if len(parts) < 3 || parts[0] != "t" {
		return "", false
	}
	name, err := base64.RawURLEncoding.DecodeString(parts[1])
	return string(name), err == nil && len(name) > 0
}

// SplitHandle returns the parts of a handle. It checks only the form.
func SplitHandle(handle string) (id, secret string, ok bool) {
	at := strings.LastIndexByte(handle, '.')
	if at < 0 || strings.Count(handle, ".") != 3 {
		return "", "", false
	}
	return handle[:at], handle[at+1:], true
}

// State is the state of a ticket.
type State int

// States of a ticket. Assigned and Ended are final.
const (
	Searching State = iota
	Proposed        // a match waits for its players to accept
	// Committing means that a match has won the ticket and is being recorded. Its
	// watchers still see a search. The search goes on if the match is over by then.
	Committing
	Assigned
	Ended
)

// Over reports whether the state is final.
func (s State) Over() bool { return s == Assigned || s == Ended }

// Status is a ticket's state and what goes with it.
type Status struct {
	State       State
	Reason      matchmakerv1.EndReason // how the search ended
	Message     string                 // the reason as a sentence for players
	Assignments []Assignment           // in state Assigned, by member
	Proposal    *Proposal              // in state Proposed; read only
	At          time.Time              // beginning of this state
}

// Proposal is a found match that waits for acceptance, as one ticket sees it.
type Proposal struct {
	Match    string
	Deadline time.Time
	Players  int
	Accepted int    // number of all players
	By       []bool // which members of this ticket have accepted
}

// Assignment is where a player's seat is, and the token for it.
type Assignment struct {
	Match        string
	Server       string // ID of the game server
	URL          string // as the game server reported it; see fleet.Registry.PlayURL for a guessed host
	Token        string
	Game         string
	Mode         string
	Room         string
	Queue        string
	RulesVersion string
	Team         int32 // -1: the game decides
	Expires      time.Time
	Reservation  string // ID of the join token; not recorded for the next owner of the queue
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
	matchmakerv1.EndReason_END_REASON_DECLINED:          "The match was declined.",
}

// EndedBy is the status of a search that ended without a match. An empty message
// becomes the usual sentence of the reason.
func EndedBy(reason matchmakerv1.EndReason, message string) Status {
	if message == "" {
		message = sentences[reason]
	}
	return Status{State: Ended, Reason: reason, Message: message}
}

// AssignedTo is the status of a search that found its match. The assignments are by
// member.
func AssignedTo(assignments []Assignment) Status {
	reason := matchmakerv1.EndReason_END_REASON_MATCHED
	return Status{State: Assigned, Reason: reason, Message: sentences[reason], Assignments: assignments}
}
