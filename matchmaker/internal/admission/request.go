package admission

import "time"

// Request asks for a match, for one player, for a party, or for players that a back
// end names.
type Request struct {
	// ID is the caller's own; the search of an earlier request with the same one is
	// kept. Empty: none.
	ID string

	// One of these says for which players: those that a back end names; the party
	// of the leader with this member handle; else the player with these tokens.
	Players                               []NamedPlayer
	Party                                 string
	GuestToken, IdentityToken, PlayerName string

	// One of these says for which match: a private room's, a running one, or one
	// that a queue makes, which is found by its name or by game and mode.
	RoomCode, MatchID string
	Queue, Game, Mode string

	Version    string // of the game that the clients run; empty: any
	Attributes map[string][]string
	Latency    map[string]time.Duration // by region

	Replace bool // the player leaves the rated match that they sit in
	Public  bool // came by the public port, which may not name players
}

// NamedPlayer is a player that a back end names.
type NamedPlayer struct {
	ID, Name string
	Skill    *float64 // nil: as rated
}

// forMatch reports whether a certain match is asked for.
func (r *Request) forMatch() bool { return r.RoomCode != "" || r.MatchID != "" }
