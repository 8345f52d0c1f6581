package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ServerInfo is a live game server as operators see it.
type ServerInfo struct {
	ID       string
	URL      string
	Region   string
	Versions map[string]string // of each game
	Load     float64           // from 0 to 1: of matches, players or CPU
	CPU      float64           // share of its cores in use
	// People are the players in all matches, with the requested seats.
	People    int
	Matches   int
	Draining  bool
	Struck    bool // did not answer lately
	Connected time.Time
	// ClockAhead is by how much the server's clock is ahead of the matchmaker's;
	// 0 until it was measured.
	ClockAhead time.Duration
}

// MatchInfo is a running match as operators see it.
type MatchInfo struct {
	ID, Server, Game, Mode, Queue string
	Players, Seats                int
	Private                       bool
	AgeS                          uint32
}

// TakesPlayers reports whether a server would seat a player now. The reason counts
// the servers.
func (r *Registry) TakesPlayers() (ok bool, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var take, drain, silent, wrong, full int
	for _, s := range r.servers {
		switch {
		case s.draining:
			drain++
		case s.clock == clockWrong:
			wrong++
		case s.isUnresponsive(now, r.cfg.StrikeLasts):
			silent++
		case s.hasSeats():
			take++
		default:
			full++
		}
	}
	switch {
	case len(r.servers) == 0:
		return false, "no game server is registered"
	case take > 0:
		return true, fmt.Sprintf("%d of %d game servers take players", take, len(r.servers))
	}
	return false, fmt.Sprintf("no game server takes players: %d drain, %d are full, %d did not answer, %d have a clock that is off by minutes",
		drain, full, silent, wrong)
}

// Servers lists the live servers by id.
func (r *Registry) Servers() []ServerInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	list := make([]ServerInfo, 0, len(r.servers))
	for _, s := range r.servers {
		info := ServerInfo{
			ID: s.id, URL: s.url, Region: s.region, Versions: make(map[string]string, len(s.games)),
			Load: s.load(), CPU: s.cpu, People: s.players, Matches: len(s.matches),
			Draining: s.draining, Struck: s.isUnresponsive(now, r.cfg.StrikeLasts), Connected: s.since, ClockAhead: s.clockAhead,
		}
		for name, g := range s.games {
			info.Versions[name] = g.GetVersion()
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b ServerInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Matches lists up to most of the running matches, fullest first, and how many there
// are.
func (r *Registry) Matches(most int) (list []MatchInfo, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.matches {
		if m.confirmed {
			list = append(list, m.info())
		}
	}
	slices.SortFunc(list, func(a, b MatchInfo) int {
		return cmp.Or(cmp.Compare(b.Players, a.Players), cmp.Compare(a.ID, b.ID))
	})
	return list[:min(most, len(list))], len(list)
}

// Match returns a running match.
func (r *Registry) Match(id string) (MatchInfo, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.matches[id]
	if m == nil || !m.confirmed {
		return MatchInfo{}, false
	}
	return m.info(), true
}

func (m *match) info() MatchInfo {
	return MatchInfo{
		ID: m.id, Server: m.server.id, Game: m.game, Mode: m.mode, Queue: m.queue,
		Players: m.players, Seats: m.seats, Private: m.private, AgeS: uint32(time.Since(m.began) / time.Second),
	}
}
