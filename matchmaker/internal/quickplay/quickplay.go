// Package quickplay matches tickets in queues without rules: into the open match with
// the most players, else into a new match on the least loaded server.
//
// Its functions are pure. They receive tickets and a view of the fleet, and return
// which tickets get seats in which match. They reserve nothing.
package quickplay

import (
	"cmp"
	"slices"
)

// Ticket is a search, as far as quick play needs it.
type Ticket struct {
	Version      string // game version of the client, empty for any
	Match        string // ID of the wanted match; empty: any open match
	Returns      bool   // the player has a seat in the wanted match
	WaitForMatch bool   // the wanted match may not exist yet: wait for it
	Players      int    // of the party; 0 means 1
}

func (t Ticket) players() int { return max(t.Players, 1) }

// Match is a running match, or one that is about to open.
type Match struct {
	ID      string
	Server  string
	Players int // with a seat, or with a reservation request on its way
	Seats   int // seats in all
	// Open means that quick play may add players.
	Open      bool
	Private   bool // players need its code
	Opening   bool // requested and not confirmed yet
	EndsSoon  bool // too soon to be worth joining.
	TeamSeats TeamSeats
	// Unanswered means that the answer to a reservation request is on its way. The
	// server's report may contain its seats already: Players then counts them twice.
	Unanswered bool
}

// TeamSeats are the free seats of a match by team; empty: it has no teams.
type TeamSeats []int

// reserve takes seats for a party in one team, the one with the most free seats. The
// game chooses the team of a single player, and is expected to choose the same one.
// ok is false if no team has room.
func (s TeamSeats) reserve(players int) (team int32, ok bool) {
	if len(s) == 0 {
		return -1, true
	}
	emptiest := 0
	for i := range s {
		if s[i] > s[emptiest] {
			emptiest = i
		}
	}
	if players == 1 {
		s[emptiest]--
		return -1, true
	}
	if s[emptiest] < players {
		return -1, false
	}
	s[emptiest] -= players
	return int32(emptiest), true
}

// Server is a live server that hosts the game and mode in question.
type Server struct {
	ID           string
	Version      string // of the game
	Load         float64
	FreeMatches  int
	FreePlayers  int
	Draining     bool
	Full         bool // has refused a request since its last report of load
	Unresponsive bool // did not answer a recent request.
}

// View is the state of the fleet for one game and mode.
type View struct {
	Seats   int // of a new match
	Teams   int // of the mode; 0: no teams
	Matches []Match
	Servers []Server
}

// Seating assigns tickets to one match of one server.
type Seating struct {
	Server  string
	Match   string  // empty: a new match
	Create  bool    // open the match if it does not exist yet
	Tickets []int   // indices of tickets
	Teams   []int32 // of each ticket; -1: the game decides
}

// Plan seats as many tickets as possible, in order: in the open match with the most
// players, else in a new match on the least loaded server. A ticket that wants a
// match gets a seat there or is unmatchable, unless it waits for the match, or for the
// answer to an earlier reservation there. All other tickets without a seat keep waiting.
func Plan(tickets []Ticket, view View) (seatings []Seating, unmatchable []int) {
	p := newPlanner(tickets, view)
	rest := make([]int, 0, len(tickets))
	for i, t := range tickets {
		if t.Match == "" {
			rest = append(rest, i)
		} else if p.seatWanted(i) == impossible {
			unmatchable = append(unmatchable, i)
		}
	}
	rest = p.fillOpen(rest)
	p.openNew(rest)
	return p.seatings, unmatchable
}

type planner struct {
	tickets  []Ticket
	seats    int
	teams    int
	matches  []Match
	servers  map[string]*Server
	ordered  []*Server
	seatings []Seating
	byMatch  map[string]int // index of the match's seating
}

func newPlanner(tickets []Ticket, view View) *planner {
	p := &planner{
		tickets: tickets,
		seats:   view.Seats,
		teams:   view.Teams,
		matches: cloneMatches(view.Matches),
		servers: make(map[string]*Server, len(view.Servers)),
		byMatch: make(map[string]int),
	}
	for _, s := range view.Servers {
		p.servers[s.ID] = &s
		p.ordered = append(p.ordered, &s)
	}
	slices.SortFunc(p.ordered, func(a, b *Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(p.matches, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Players, a.Players), cmp.Compare(a.ID, b.ID))
	})
	return p
}

func fits(t Ticket, s *Server) bool { return t.Version == "" || t.Version == s.Version }

// cloneMatches copies matches, since planning changes them.
func cloneMatches(matches []Match) []Match {
	matches = slices.Clone(matches)
	for i := range matches {
		matches[i].TeamSeats = slices.Clone(matches[i].TeamSeats)
	}
	return matches
}

// seat seats a ticket in a match, and reports whether there is room.
func (p *planner) seat(m *Match, s *Server, ticket int) bool {
	n := p.tickets[ticket].players()
	if !fits(p.tickets[ticket], s) || m.Players+n > m.Seats {
		return false
	}
	team, ok := m.TeamSeats.reserve(n)
	if !ok || n > 1 && p.teams > 0 && len(m.TeamSeats) == 0 {
		return false // no room, or the teams are not known yet
	}
	m.Players += p.tickets[ticket].players()
	s.FreePlayers -= p.tickets[ticket].players()
	at, ok := p.byMatch[m.ID]
	if !ok {
		at = len(p.seatings)
		p.byMatch[m.ID] = at
		p.seatings = append(p.seatings, Seating{Server: s.ID, Match: m.ID, Create: m.Opening})
	}
	p.seatings[at].add(ticket, team)
	return true
}

func (p *Seating) add(ticket int, team int32) {
	p.Tickets = append(p.Tickets, ticket)
	p.Teams = append(p.Teams, team)
}

// wanted is what became of a ticket that wants a certain match.
type wanted int

const (
	seated wanted = iota
	waiting
	impossible
)

// seatWanted seats a ticket in the match that it wants.
func (p *planner) seatWanted(i int) wanted {
	t := p.tickets[i]
	at := slices.IndexFunc(p.matches, func(m Match) bool { return m.ID == t.Match })
	if at < 0 {
		if t.WaitForMatch {
			return waiting
		}
		return impossible
	}
	m := &p.matches[at]
	s := p.servers[m.Server]
	switch {
	case s == nil || !fits(t, s):
		return impossible
	case t.Returns:
		p.seatings = append(p.seatings, Seating{Server: s.ID, Match: m.ID, Tickets: []int{i}, Teams: []int32{-1}})
		return seated
	case p.seat(m, s, i):
		return seated
	case m.Unanswered:
		return waiting
	default:
		return impossible
	}
}

// fillOpen seats tickets in open matches and returns those that are left.
func (p *planner) fillOpen(rest []int) []int {
	for at := range p.matches {
		m := &p.matches[at]
		s := p.servers[m.Server]
		if !m.Open || m.Private || m.EndsSoon || s == nil || s.Draining || s.Unresponsive {
			continue
		}
		if len(rest) == 0 {
			return nil
		}
		left := rest[:0:0]
		for n, i := range rest {
			if m.Players >= m.Seats || s.FreePlayers <= 0 {
				left = append(left, rest[n:]...)
				break
			}
			if p.tickets[i].players() > s.FreePlayers || !p.seat(m, s, i) {
				left = append(left, i)
			}
		}
		rest = left
	}
	return rest
}

// openNew seats tickets in new matches until no server has room for more.
func (p *planner) openNew(rest []int) {
	for len(rest) > 0 {
		s := p.leastLoaded(p.tickets[rest[0]])
		if s == nil || p.tickets[rest[0]].players() > p.maxTogether() {
			rest = rest[1:] // it waits; tickets of another version may find a server
			continue
		}
		seats := min(max(p.seats, 1), s.FreePlayers)
		seating := Seating{Server: s.ID, Create: true}
		players := 0
		free := p.newTeamSeats()
		left := rest[:0:0]
		for _, i := range rest {
			n := p.tickets[i].players()
			team, ok := int32(-1), players+n <= seats && fits(p.tickets[i], s)
			if ok {
				team, ok = free.reserve(n)
			}
			if !ok {
				left = append(left, i)
				continue
			}
			seating.add(i, team)
			players += n
		}
		p.seatings = append(p.seatings, seating)
		s.occupy(players)
		rest = left
	}
}

// newTeamSeats are the free seats of a new match.
func (p *planner) newTeamSeats() TeamSeats {
	free := make(TeamSeats, p.teams)
	for i := range free {
		free[i] = p.seats / p.teams
	}
	return free
}

// maxTogether is the number of players that fit into one team.
func (p *planner) maxTogether() int { return max(p.seats, 1) / max(p.teams, 1) }

func (p *planner) leastLoaded(t Ticket) *Server {
	var best *Server
	for _, s := range p.ordered {
		if s.canOpenMatch() && t.players() <= s.FreePlayers && fits(t, s) && (best == nil || s.preferredTo(best)) {
			best = s
		}
	}
	return best
}

// Candidates lists the servers that could open a match, best first.
func Candidates(view View) []Server {
	var list []Server
	for _, s := range view.Servers {
		if s.canOpenMatch() {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Server) int {
		switch {
		case a.preferredTo(&b):
			return -1
		case b.preferredTo(&a):
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return list
}

func (s *Server) canOpenMatch() bool {
	return !s.Draining && !s.Full && s.FreeMatches > 0 && s.FreePlayers > 0
}

// preferredTo reports whether the server gets a new match before another one: a
// server that answers comes first, then the one with less load.
func (s *Server) preferredTo(o *Server) bool {
	if s.Unresponsive != o.Unresponsive {
		return o.Unresponsive
	}
	return s.Load < o.Load
}

// occupy adds the load of a planned match, so that the next one may go to another
// server.
func (s *Server) occupy(players int) {
	perMatch := (1 - min(s.Load, 1)) / float64(max(s.FreeMatches, 1))
	perPlayer := (1 - min(s.Load, 1)) / float64(max(s.FreePlayers, 1))
	s.Load += max(perMatch, perPlayer*float64(players))
	s.FreeMatches--
	s.FreePlayers -= players
}
