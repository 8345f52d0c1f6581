// Package room keeps rooms. Friends meet in a room by its code, and play one private
// match after another. A room is not its match, but the id of the match contains the
// room's code: a matchmaker that has lost its records restores rooms from the matches
// that game servers report.
package room

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/store"
)

const (
	// Most bounds the members of a room. Its mode may have fewer seats.
	Most = 100
	// Life is how long an empty room lives.
	Life = 10 * time.Minute
	// openLimit is how long opening a match may take. After that the process that was
	// opening it is gone.
	openLimit = 20 * time.Second

	prefix = "room-"
)

// Option is a setting of a room's matches.
type Option struct {
	Name  string
	Value int32
}

// Room is the record of a room. The first member owns it. Not safe for concurrent
// use.
type Room struct {
	membership.Head
	Game, Mode string
	Version    string            `json:",omitempty"` // of the game; a match must have it
	Options    []Option          `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	Seats      int               // bounds the members
	Number     int               // of the newest match; the first is 1
	Match      string            // the id of the match that runs, empty between two
	MatchMode  string            `json:",omitempty"` // of Match; Mode is that of the next match
	Opening    bool              `json:",omitempty"` // Match is not open yet; or members lack tickets
	Began      time.Time         `json:",omitzero"`  // Match
	Problem    string            `json:",omitempty"` // why the last match could not be opened
}

// Runs reports whether a match runs or is being opened.
func (r *Room) Runs(now time.Time) bool {
	return r.Match != "" && (!r.Opening || now.Sub(r.Began) < openLimit)
}

// Plays is the mode of the present match. The owner may have chosen another mode for
// the next match.
func (r *Room) Plays() string { return cmp.Or(r.MatchMode, r.Mode) }

// Next is the id of the next match.
func (r *Room) Next() string { return MatchID(r.Code, r.Number+1) }

// Begin makes the next match the present one. No member is ready for the match after
// it.
func (r *Room) Begin(now time.Time) {
	r.Match, r.MatchMode = r.Next(), r.Mode
	r.Number++
	r.Opening, r.Began, r.Problem = true, now, ""
	for i := range r.Members {
		r.Members[i].Ready = false
	}
}

// End makes the room wait for its next match. It reports false for a match that is
// not the present one. Members that came for that match alone leave.
func (r *Room) End(match, problem string) bool {
	if match == "" || r.Match != match {
		return false
	}
	r.Match, r.MatchMode, r.Opening, r.Problem = "", "", false, problem
	r.Members = slices.DeleteFunc(r.Members, func(m membership.Member) bool { return m.Plain && m.Match == match })
	for i := range r.Members {
		if m := &r.Members[i]; m.Match == match {
			m.Ticket, m.Match = "", ""
		}
	}
	return true
}

// AllReady reports whether the next match may start without its owner.
func (r *Room) AllReady() bool {
	return r.Match == "" && len(r.Members) > 1 &&
		!slices.ContainsFunc(r.Members, func(m membership.Member) bool { return !m.Ready })
}

// BeginIfReady begins the next match when all of two or more members are ready.
func (r *Room) BeginIfReady(now time.Time) bool {
	if !r.AllReady() {
		return false
	}
	r.Begin(now)
	return true
}

// Awaited reports whether a member other than these players watches the room, or is
// ready.
func (r *Room) Awaited(players ...string) bool {
	return slices.ContainsFunc(r.Members, func(m membership.Member) bool {
		return (!m.Plain || m.Ready) && !slices.Contains(players, m.Player)
	})
}

// Rooms holds all rooms. It is safe for concurrent use.
type Rooms struct {
	*membership.Records[Room, *Room]
}

// New opens the rooms of a store.
func New(ctx context.Context, s *store.Store) (*Rooms, error) {
	records, err := membership.New[Room](ctx, s, membership.Config{
		Bucket: "rooms", Name: "room", Prefix: "r", Life: Life, Durable: true, Empty: true,
	})
	return &Rooms{records}, err
}

// IsMatch reports whether a match belongs to a room.
func IsMatch(id string) bool { return strings.HasPrefix(id, prefix) }

// MatchID is the id of a room's match with this number.
func MatchID(code string, number int) string {
	return prefix + strings.ToLower(code) + "-" + strconv.Itoa(number)
}

// ParseMatch returns the code of a match's room, and the number of the match. Matches
// of earlier releases have the number 0.
func ParseMatch(id string) (code string, number int, ok bool) {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return "", 0, false
	}
	code, digits, numbered := strings.Cut(rest, "-")
	if numbered {
		var err error
		if number, err = strconv.Atoi(digits); err != nil || number < 1 {
			return "", 0, false
		}
	}
	return strings.ToUpper(code), number, code != ""
}
