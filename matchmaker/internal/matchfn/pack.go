package matchfn

import (
	"math"
	"slices"
	"time"
)

// packer says whether parties fill teams to the last seat, and how.
type packer struct {
	teams, seats int
	parties      bool  // of more than one player are possible
	counts       []int // groups by their players
	players      int
	bins         []bin // of the plan
	steps        int
	sizes        []int // of teams, while groups are spread over them
	fitting      []bool
}

// bin is a number of groups of one size in one team.
type bin struct {
	team int32
	size uint16
}

func (p *packer) begin(teams, seats, largest int) {
	p.teams, p.seats = teams, seats
	p.parties = largest > 1
	p.counts = slices.Grow(p.counts[:0], largest+1)[:largest+1]
}

func (p *packer) clear() {
	clear(p.counts)
	p.players = 0
}

func (p *packer) add(players uint16) {
	p.counts[players]++
	p.players += int(players)
}

func (p *packer) remove(players uint16) {
	p.counts[players]--
	p.players -= int(players)
}

// fits reports whether full teams can be made with a group of own players in
// the first, which has been added.
func (p *packer) fits(own uint16) bool {
	p.steps = 0
	if p.players < p.teams*p.seats {
		return false
	}
	return !p.parties || p.players == p.counts[1] || p.plan(own)
}

// plan is fits, and what comes of it is seated by seat.
func (p *packer) plan(own uint16) bool {
	p.bins = p.bins[:0]
	p.steps = 0
	p.counts[own]--
	ok := p.fill(0, p.seats-int(own), p.seats)
	p.counts[own]++
	return ok
}

// fill fills the rest of a team with groups of at most the size largest, then
// the teams after it. It leaves counts as they were.
func (p *packer) fill(team, room, largest int) bool {
	for room == 0 {
		team++
		if team == p.teams {
			return true
		}
		room, largest = p.seats, p.seats
	}
	p.steps++
	if p.gaveUp() {
		return false
	}
	for size := min(room, largest, len(p.counts)-1); size > 0; size-- {
		if p.counts[size] == 0 {
			continue
		}
		p.counts[size]--
		p.bins = append(p.bins, bin{team: int32(team), size: uint16(size)})
		ok := p.fill(team, room-size, size)
		p.counts[size]++
		if ok {
			return true
		}
		p.bins = p.bins[:len(p.bins)-1]
	}
	return false
}

// gaveUp reports whether the latest plan was too long a search to tell.
func (p *packer) gaveUp() bool { return p.steps > maxPackSteps+p.teams*p.seats }

// seat gives a group of so many players a team of the plan; false: the plan has
// none left for it.
func (p *packer) seat(players uint16) (team int32, ok bool) {
	at := slices.IndexFunc(p.bins, func(b bin) bool { return b.size == players })
	if at < 0 {
		return 0, false
	}
	team = p.bins[at].team
	p.bins = slices.Delete(p.bins, at, at+1)
	return team, true
}

// spreadOut spreads the groups of the chosen part of the window over teams: as
// many players as can be, in as many teams, as evenly as parties allow. It
// returns the number of players, 0 if they are too few or fewer than wanted.
func (m *Matcher) spreadOut(wanted int) int {
	s := &m.search
	t := m.rules.Teams
	players := 0
	for _, e := range s.window[s.start : s.end+1] {
		players += int(m.pools.entries[e].players)
	}
	if players < max(m.minPlayers, wanted) {
		return 0
	}
	best, bestTeams := 0, 0
	for teams := min(t.Count, s.end-s.start+1); teams >= t.AtLeast; teams-- {
		if n := m.spreadOver(teams); n > best {
			best, bestTeams = n, teams
		}
		if best > 0 && !s.packer.parties {
			break
		}
	}
	if best > 0 {
		m.spreadOver(bestTeams)
	}
	return best
}

// spreadOver puts the largest groups first, each in the smallest team that has
// room. The one that searches comes first of all; then the one that has waited
// longest, since how full the match has to be is up to that.
func (m *Matcher) spreadOver(teams int) int {
	s := &m.search
	t := &s.found
	own := &m.pools.entries[s.window[s.at]]
	t.clear(teams)
	s.packer.sizes = slices.Grow(s.packer.sizes[:0], teams)[:teams]
	clear(s.packer.sizes)
	m.seatSmallest(own)
	oldest := int32(-1)
	if len(m.rules.Teams.Fill) > 0 {
		if oldest = m.oldest(); oldest != own.group {
			m.seatSmallest(&m.pools.entries[s.window[s.oldestAt]])
		}
	}
	for size := uint16(m.rules.Party.Max); size > 0; size-- {
		for e := range m.outwards() {
			at := &m.pools.entries[e]
			m.work++
			if at.players == size && at.group != oldest {
				m.seatSmallest(at)
			}
		}
	}
	since := m.now
	for _, i := range t.members {
		since = min(since, m.pools.info[i].created)
	}
	wantTeams, wantPlayers := m.rules.Teams.Need(time.Duration(m.now - since))
	if teams < wantTeams || slices.Min(s.packer.sizes) < wantPlayers {
		return 0
	}
	return t.players
}

// oldest is the group of the chosen part of the window that has waited longest.
func (m *Matcher) oldest() int32 {
	s := &m.search
	group, since := int32(-1), int64(math.MaxInt64)
	for n := s.start; n <= s.end; n++ {
		i := m.pools.entries[s.window[n]].group
		if created := m.pools.info[i].created; created < since {
			group, since, s.oldestAt = i, created, n
		}
	}
	return group
}

// seatSmallest puts a group into the smallest team, if that has room.
func (m *Matcher) seatSmallest(e *entry) {
	t, sizes := &m.search.found, m.search.packer.sizes
	team := 0
	if m.rules.Teams.Max == 1 {
		if team = len(t.members); team >= len(sizes) {
			return
		}
	} else {
		team = slices.Index(sizes, slices.Min(sizes))
	}
	if sizes[team]+int(e.players) > m.rules.Teams.Max {
		return
	}
	sizes[team] += int(e.players)
	t.add(e, int32(team))
}
