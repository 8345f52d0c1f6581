package matchfn

import "slices"

// packer decides whether parties fill teams to the last seat, and how.
type packer struct {
	teams, seats int
	parties      bool  // of more than one player are possible
	counts       []int // groups by their players
	players      int
	bins         []bin // of the plan
	steps        int
	sizes        []int // of teams, while groups are spread over them.
	fitting      []bool
}

// bin is a place in a team for a group of one size.
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

// fits reports whether the groups fill all teams, with a group of own players in the
// first. That group has been added.
func (p *packer) fits(own uint16) bool {
	p.steps = 0
	if p.players < p.teams*p.seats {
		return false
	}
	return !p.parties || p.players == p.counts[1] || p.plan(own)
}

// plan is like fits, and keeps how the groups fill the teams for seat.
func (p *packer) plan(own uint16) bool {
	p.bins = p.bins[:0]
	p.steps = 0
	p.counts[own]--
	ok := p.fill(0, p.seats-int(own), p.seats)
	p.counts[own]++
	return ok
}

// fill fills the rest of a team with groups up to the size largest, then the teams
// after it. It leaves counts unchanged.
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

// gaveUp reports whether the latest search was stopped before it had an answer.
func (p *packer) gaveUp() bool { return p.steps > maxPackSteps+p.teams*p.seats }

// seat gives a group of some size a team of the plan; ok is false if the plan has no
// place for it.
func (p *packer) seat(players uint16) (team int32, ok bool) {
	at := slices.IndexFunc(p.bins, func(b bin) bool { return b.size == players })
	if at < 0 {
		return 0, false
	}
	team = p.bins[at].team
	p.bins = slices.Delete(p.bins, at, at+1)
	return team, true
}
