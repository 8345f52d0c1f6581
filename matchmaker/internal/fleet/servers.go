package fleet

import (
	"cmp"
	"slices"
	"time"
)

// ServerInfo is a live game server for people to look at.
type ServerInfo struct {
	ID        string
	URL       string
	Region    string
	Versions  map[string]string // of each game
	Load      float64           // 0 to 1
	CPU       float64           // share of its cores in use
	People    int               // in all matches, seats asked for included
	Matches   int
	Draining  bool
	Struck    bool // did not answer lately
	Connected time.Time
	// ClockAhead is by how much the server's clock is ahead of the matchmaker's;
	// 0 until it was measured.
	ClockAhead time.Duration
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
			Load: s.load(), CPU: s.cpu, People: s.people, Matches: len(s.matches),
			Draining: s.draining, Struck: s.isStruck(now, r.cfg.StrikeLasts), Connected: s.since, ClockAhead: s.clockAhead,
		}
		for name, g := range s.games {
			info.Versions[name] = g.GetVersion()
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b ServerInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
