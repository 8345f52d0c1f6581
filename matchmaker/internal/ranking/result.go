package ranking

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/internal/text"
	"tactus/matchmaker/internal/rating"
	"tactus/matchmaker/internal/seal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// errUnrated is the error for a valid match that changes no rating.
var errUnrated = errors.New("not rated")

// result is a rated match in the log. It has the change of each player, so that adding up
// the log in order gives the same ratings everywhere.
type result struct {
	Queue   string   `msgpack:"q"`
	Mode    string   `msgpack:"m,omitempty"`
	Rules   string   `msgpack:"v,omitempty"` // version
	Ended   int64    `msgpack:"e"`           // Unix time in milliseconds
	Teams   uint32   `msgpack:"t"`
	Players []change `msgpack:"p"`

	Deletion *deletion `msgpack:"x,omitempty"` // without players; earlier releases skip it
}

// change is the effect of a match on a player.
type change struct {
	Player string     `msgpack:"i"`
	Name   string     `msgpack:"n,omitempty"`
	Rank   uint32     `msgpack:"r"` // of the player's team: 1 more than the teams that were better
	Won    bool       `msgpack:"w,omitempty"`
	Before [2]float64 `msgpack:"b"` // mu and sigma, as far as the reporter knew.
	After  [2]float64 `msgpack:"a"`
}

func pack(s rating.Skill) [2]float64      { return [2]float64{s.Mu, s.Sigma} }
func unpack(v [2]float64) rating.Skill    { return rating.Skill{Mu: v[0], Sigma: v[1]} }
func (r *result) encode() ([]byte, error) { return msgpack.Marshal(r) }

func decodeResult(value []byte) (*result, error) {
	r := new(result)
	if err := msgpack.Unmarshal(value, r); err != nil {
		return nil, err
	}
	for i := range r.Players {
		c := &r.Players[i]
		c.Name = text.Name(c.Name) // by the present rules, not those of the release that wrote it
		if !unpack(c.Before).Valid() || !unpack(c.After).Valid() {
			return nil, fmt.Errorf("player %q: rating from %v to %v: out of bounds", c.Player, c.Before, c.After)
		}
	}
	return r, nil
}

// QueueOf is the queue for which a match counts: its own, or its game and mode.
func QueueOf(e *fleetv1.MatchEnded) string {
	return seal.QueueOf(e.GetQueue(), e.GetGame(), e.GetMode())
}

// lineup is a match before it is rated: the teams, and their ranks.
type lineup struct {
	teams [][]int // indices of result.Players
	ranks []int32
	// left are the players of teams that stayed which left before the end, by their
	// index: they are rated as if their team had come last.
	left []int
}

// readResult reads the report of a server. The error is errUnrated for a match without a
// contest between players.
func readResult(e *fleetv1.MatchEnded, now time.Time, kept time.Duration) (*result, *lineup, error) {
	ended := e.GetEndedUnixMs()
	if ended <= 0 {
		ended = now.UnixMilli()
	}
	switch age := now.Sub(time.UnixMilli(ended)); {
	case e.GetMatchId() == "" || len(e.GetMatchId()) > maxMatchID:
		return nil, nil, fmt.Errorf("match id of %d bytes; between 1 and %d are allowed", len(e.GetMatchId()), maxMatchID)
	case len(QueueOf(e)) > maxQueue:
		return nil, nil, fmt.Errorf("queue name of %d bytes; %d are allowed", len(QueueOf(e)), maxQueue)
	case e.GetReason() != "over" || len(e.GetResults())+len(e.GetLeavers()) < 2:
		return nil, nil, errUnrated
	case len(e.GetResults())+len(e.GetLeavers()) > maxPlayers:
		return nil, nil, fmt.Errorf("%d players are more than the limit of %d", len(e.GetResults())+len(e.GetLeavers()), maxPlayers)
	case age > kept:
		return nil, nil, fmt.Errorf("it ended %d days ago; whether it was counted is remembered for %d days", int(age.Hours()/24), int(kept.Hours()/24))
	}
	teams, err := readTeams(e.GetResults())
	if err != nil {
		return nil, nil, err
	}
	if err := teams.addLeavers(e.GetResults(), e.GetLeavers()); err != nil {
		return nil, nil, err
	}
	if len(teams.teams) < 2 || len(e.GetResults()) == 0 {
		return nil, nil, errUnrated
	}
	r := &result{Queue: QueueOf(e), Mode: e.GetMode(), Rules: e.GetRulesVersion(), Ended: ended, Teams: uint32(len(teams.teams))}
	players := append(slices.Clip(e.GetResults()), e.GetLeavers()...)
	r.Players = make([]change, len(players))
	places := placesOf(teams.ranks)
	for t, team := range teams.teams {
		for _, i := range team {
			p := players[i]
			r.Players[i] = change{Player: p.GetPlayerId(), Name: text.Name(p.GetPlayerName()), Rank: places[t].rank, Won: places[t].won}
		}
	}
	for _, i := range teams.left {
		r.Players[i].Rank, r.Players[i].Won = uint32(len(teams.teams)), false
	}
	return r, teams, nil
}

// addLeavers adds the players that left before the end, in the order in which they
// left. In free-for-all, and where a whole team has left, they take the last places:
// the first to leave is the last. In a team that stayed they are marked.
func (l *lineup) addLeavers(results, leavers []*fleetv1.PlayerResult) error {
	number, seen := make(map[int32]int), make(map[string]bool)
	for t, team := range l.teams {
		for _, i := range team {
			number[results[i].GetTeam()], seen[results[i].GetPlayerId()] = t, true
		}
	}
	last := int32(0)
	if len(l.ranks) > 0 {
		last = slices.Max(l.ranks)
	}
	stayed := len(l.teams)
	for n, p := range slices.Backward(leavers) { // who left last is placed first
		at := len(results) + n
		if id := p.GetPlayerId(); id == "" || len(id) > maxPlayerID || seen[id] {
			return fmt.Errorf("leaver %q: missing, too long or a duplicate", id)
		}
		seen[p.GetPlayerId()] = true
		t, known := number[p.GetTeam()]
		if !known || p.GetTeam() < 0 {
			last++
			t = len(l.teams)
			number[p.GetTeam()] = t
			l.teams, l.ranks = append(l.teams, nil), append(l.ranks, last)
		} else if t < stayed {
			l.left = append(l.left, at)
		}
		l.teams[t] = append(l.teams[t], at)
	}
	return nil
}

// readTeams groups players by team. A player without a team is one.
func readTeams(results []*fleetv1.PlayerResult) (*lineup, error) {
	l := new(lineup)
	number := make(map[int32]int) // of a team in l
	seen := make(map[string]bool, len(results))
	for i, p := range results {
		id := p.GetPlayerId()
		switch {
		case id == "" || len(id) > maxPlayerID:
			return nil, fmt.Errorf("player %d: id of %d bytes; between 1 and %d are allowed", i, len(id), maxPlayerID)
		case seen[id]:
			return nil, fmt.Errorf("player %q appears twice", id)
		case p.GetRank() < 1:
			return nil, fmt.Errorf("player %q: rank %d; 1 is best", id, p.GetRank())
		}
		seen[id] = true
		t, known := number[p.GetTeam()]
		if !known || p.GetTeam() < 0 {
			t = len(l.teams)
			number[p.GetTeam()] = t
			l.teams, l.ranks = append(l.teams, nil), append(l.ranks, p.GetRank())
		}
		if l.ranks[t] != p.GetRank() {
			return nil, fmt.Errorf("team %d has players of ranks %d and %d; a team is placed as one", p.GetTeam(), l.ranks[t], p.GetRank())
		}
		l.teams[t] = append(l.teams[t], i)
	}
	return l, nil
}

// placed is the place of a team among those that are rated; bots do not count.
type placed struct {
	rank uint32
	won  bool // alone at the top
}

func placesOf(ranks []int32) []placed {
	places := make([]placed, len(ranks))
	for i, mine := range ranks {
		better, equal := uint32(0), 0
		for _, other := range ranks {
			if other < mine {
				better++
			} else if other == mine {
				equal++
			}
		}
		places[i] = placed{rank: better + 1, won: better == 0 && equal == 1}
	}
	return places
}
