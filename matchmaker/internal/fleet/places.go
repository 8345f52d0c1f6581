package fleet

import (
	"cmp"
	"slices"
	"time"

	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
)

// PolicyPack chooses the fullest server that has room for a new match. Any other policy
// chooses the least loaded.
const PolicyPack = "pack"

// Backfills lists the running matches of a queue that ask for players, the oldest
// first. Requested seats count as taken. A match of a mode without teams has a team of
// one for each seat.
func (r *Registry) Backfills(queue string) []matchfunc.Backfill {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var list []matchfunc.Backfill
	for _, m := range r.matches {
		s := m.server
		if m.queue != queue || !m.backfill || !m.confirmed || m.players+m.held >= m.seats ||
			m.endsSoon(now, r.cfg.LastCall) || s.draining || s.clock == clockWrong || s.isUnresponsive(now, r.cfg.StrikeLasts) {
			continue
		}
		gap := matchfunc.Backfill{
			Match: m.id, Server: s.id, Region: s.region, Version: s.games[m.game].GetVersion(), Started: m.began,
		}
		if findMode(s.games[m.game], m.mode).GetTeams() == 0 {
			gap.Teams = m.teamsOfOne()
		} else {
			gap.Teams = m.backfillTeams()
		}
		list = append(list, gap)
	}
	slices.SortFunc(list, func(a, b matchfunc.Backfill) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Match, b.Match))
	})
	return list
}

// place is where a match can be opened.
type place struct{ region, version string }

// openingsLocked lists, by place, the servers that could open a match for so many
// players. A server that did not answer lately is listed only where there is no other.
func (r *Registry) openingsLocked(k ticket.Key, players int) map[place][]*server {
	now := time.Now()
	good, last := make(map[place][]*server), make(map[place][]*server)
	for _, s := range r.servers {
		if findMode(s.games[k.Game], k.Mode) == nil || s.draining || s.clock == clockWrong || s.full || s.freeMatches() <= 0 || s.freePlayers() < max(players, 1) {
			continue
		}
		list := good
		if s.lastChoice(now, r.cfg.StrikeLasts) {
			list = last
		}
		at := place{region: s.region, version: s.games[k.Game].GetVersion()}
		list[at] = append(list[at], s)
	}
	for at, servers := range last {
		if len(good[at]) == 0 {
			good[at] = servers
		}
	}
	return good
}

// Capacities lists where matches of a game and mode can be opened, by region and
// version.
func (r *Registry) Capacities(k ticket.Key) []matchfunc.Capacity {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []matchfunc.Capacity
	for at, servers := range r.openingsLocked(k, 1) {
		p := matchfunc.Capacity{Region: at.region, Version: at.version}
		for _, s := range servers {
			seats := int(findMode(s.games[k.Game], k.Mode).GetMaxPlayers())
			p.Matches += min(s.freeMatches(), max(1, s.freePlayers()/max(seats, 1)))
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b matchfunc.Capacity) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Version, b.Version))
	})
	return list
}

// Host is where a game and mode is served: a region and a version of the game.
type Host struct {
	Region  string
	Version string
	Free    int // the most players that one server there could open a match for
}

// Hosts lists where servers take players of a game and mode, now or when a player
// leaves.
func (r *Registry) Hosts(k ticket.Key) []Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Host
	for _, s := range r.servers {
		if findMode(s.games[k.Game], k.Mode) == nil || s.draining || s.clock == clockWrong {
			continue
		}
		h := Host{Region: s.region, Version: s.games[k.Game].GetVersion()}
		at := slices.IndexFunc(list, func(o Host) bool { return o.Region == h.Region && o.Version == h.Version })
		if at < 0 {
			at = len(list)
			list = append(list, h)
		}
		if !s.full && s.freeMatches() > 0 {
			list[at].Free = max(list[at].Free, s.freePlayers())
		}
	}
	return list
}

// Pick chooses the server for a new match of so many players in a place that
// [Registry.Capacities] returned. ok is false when none has room any more.
func (r *Registry) Pick(k ticket.Key, region, version, policy string, players int) (serverID string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	servers := r.openingsLocked(k, players)[place{region: region, version: version}]
	if len(servers) == 0 {
		return "", false
	}
	best := slices.MinFunc(servers, func(a, b *server) int {
		order := cmp.Compare(a.load(), b.load())
		if policy == PolicyPack {
			order = cmp.Or(compareBool(a.cpu >= crowdedCPU, b.cpu >= crowdedCPU), cmp.Compare(b.filled(), a.filled()))
		}
		return cmp.Or(order, cmp.Compare(a.id, b.id))
	})
	return best.id, true
}

// compareBool puts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
