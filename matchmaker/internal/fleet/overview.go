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
