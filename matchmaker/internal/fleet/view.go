package fleet

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"tactus/matchmaker/internal/quickplay"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// View is the fleet as one queue sees it.
func (r *Registry) View(k ticket.Key) quickplay.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var v quickplay.View
	for _, s := range r.servers {
		mode := findMode(s.games[k.Game], k.Mode)
		if mode == nil {
			continue
		}
		v.Seats = max(v.Seats, int(mode.GetMaxPlayers()))
		v.Teams = max(v.Teams, int(mode.GetTeams()))
		v.Servers = append(v.Servers, s.view(s.games[k.Game].GetVersion(), now, r.cfg.StrikeLasts))
		for _, m := range s.matches {
			if m.game == k.Game && m.mode == k.Mode {
				seen := m.view(now, r.cfg.LastCall)
				if mode.GetTeams() > 0 {
					seen.TeamSeats = m.freeSeats()
				}
				v.Matches = append(v.Matches, seen)
			}
		}
	}
	return v
}

// EndsSoon reports whether a match will end within the last call.
func (r *Registry) EndsSoon(matchID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.matches[matchID]
	return m != nil && m.endsSoon(time.Now(), r.cfg.LastCall)
}

// Found is a match that a ticket may ask for.
type Found struct {
	Key     ticket.Key
	Version string
	Open    bool
	Private bool
	Free    int
	Seats   int

	unanswered bool // see [quickplay.Match]
}

// Full reports whether the match has no seats for so many players. It does not say so
// while the answer to a reservation is on its way: Free may then be too small.
func (f *Found) Full(players int) bool { return f.Free < players && !f.unanswered }

// Find returns a match of a live server.
func (r *Registry) Find(matchID string) (Found, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.matches[matchID]
	if m == nil {
		return Found{}, false
	}
	return m.found(), true
}

// FindPrivate returns the private match with the highest number. number returns 0 for
// an id that is not wanted.
func (r *Registry) FindPrivate(number func(id string) int) (id string, found Found, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	best := 0
	for candidate, m := range r.matches {
		if !m.private {
			continue
		}
		if n := number(candidate); n > best {
			best, id, found, ok = n, candidate, m.found(), true
		}
	}
	return id, found, ok
}

// PlayURL is where browsers reach the server, as it has registered; empty when it is not
// live. follows is true for
// a server on this machine that guessed the host: any host by which a player reached the
// matchmaker is as good.
func (r *Registry) PlayURL(serverID string) (url string, follows bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.servers[serverID]; s != nil {
		return s.url, s.follows
	}
	return "", false
}

// OpenMatches lists public matches with free seats, the fullest first. An empty name
// matches all.
func (r *Registry) OpenMatches(game, mode string, limit int) []*matchmakerv1.OpenMatch {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var list []*matchmakerv1.OpenMatch
	for _, m := range r.matches {
		players := m.players + m.held
		if !m.forAnyone() || m.private || !m.confirmed || players >= m.seats ||
			game != "" && m.game != game || mode != "" && m.mode != mode {
			continue
		}
		list = append(list, &matchmakerv1.OpenMatch{
			MatchId: m.id, Game: m.game, Mode: m.mode,
			People: uint32(players), Seats: uint32(m.seats), AgeS: uint32(now.Sub(m.began) / time.Second), Rated: m.rated,
		})
	}
	slices.SortFunc(list, func(a, b *matchmakerv1.OpenMatch) int {
		return cmp.Or(cmp.Compare(b.GetPeople(), a.GetPeople()), cmp.Compare(a.GetMatchId(), b.GetMatchId()))
	})
	return list[:min(len(list), limit)]
}

// Games lists the games that live servers host, one entry for each version, and those
// that are away.
func (r *Registry) Games() []*matchmakerv1.GameInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	type release struct{ name, version string }
	seen := make(map[release]bool)
	var list []*matchmakerv1.GameInfo
	for _, s := range r.servers {
		for _, g := range s.games {
			key := release{g.GetName(), g.GetVersion()}
			if !seen[key] {
				seen[key] = true
				list = append(list, proto.CloneOf(g))
			}
		}
	}
	r.catalog.expire(time.Now())
	for _, g := range r.catalog.awayGames() {
		if at := slices.IndexFunc(list, func(o *matchmakerv1.GameInfo) bool { return o.GetName() == g.GetName() }); at >= 0 {
			list[at].Modes = append(list[at].Modes, g.GetModes()...)
		} else {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *matchmakerv1.GameInfo) int {
		return cmp.Or(cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetVersion(), b.GetVersion()))
	})
	return list
}

// Totals are numbers of the live fleet.
type Totals struct {
	Servers int
	Matches int
	People  int // in matches, seats asked for included
}

// Totals counts servers, matches and players.
func (r *Registry) Totals() Totals {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := Totals{Servers: len(r.servers), Matches: len(r.matches)}
	for _, s := range r.servers {
		t.People += s.players
	}
	return t
}
