// Package matchfn decides who plays where. Its functions are pure: tickets and
// a picture of the fleet in, proposals out.
package matchfn

import (
	"cmp"
	"slices"
)

// Ticket is a search as far as matching is concerned.
type Ticket struct {
	Version string // game version of the client, empty for any
	Match   string // the one match that is wanted, empty for the best
	Players int    // who come together; 0 is 1
}

func (t Ticket) players() int { return max(t.Players, 1) }

// Match is a running match, or one that is being opened.
type Match struct {
	ID       string
	Server   string
	People   int  // seats held by people, or asked for and not answered yet
	Seats    int  // seats in all
	Open     bool // takes new people by quick play
	Private  bool // entered by its code only
	Opening  bool // asked for and not confirmed yet
	LastCall bool // likely to end too soon to be worth joining
}

// Server is a live server that hosts the game and mode in question.
type Server struct {
	ID          string
	Version     string // of the game
	Load        float64
	FreeMatches int
	FreePlayers int
	Draining    bool
	Full        bool // refused something lately and has not told its load since
	Struck      bool // failed to answer lately
}

// View is the fleet as seen by one game and mode.
type View struct {
	Seats   int // of a new match
	Matches []Match
	Servers []Server
}

// Proposal seats tickets in one match of one server.
type Proposal struct {
	Server  string
	Match   string // empty: a new match
	Create  bool   // open the match if it does not exist
	Tickets []int  // indices into the tickets given
}

// QuickPlay seats as many tickets as fit, in the order given: in the open match
// with the most people, else in a new match on the least loaded server.
// Tickets that want a certain match are seated there; those that can't be are
// returned as hopeless. All others just wait.
func QuickPlay(tickets []Ticket, view View) (proposals []Proposal, hopeless []int) {
	p := newPlan(tickets, view)
	rest := make([]int, 0, len(tickets))
	for i, t := range tickets {
		if t.Match == "" {
			rest = append(rest, i)
		} else if !p.seatWanted(i) {
			hopeless = append(hopeless, i)
		}
	}
	rest = p.fillOpen(rest)
	p.openNew(rest)
	return p.proposals, hopeless
}

type plan struct {
	tickets   []Ticket
	seats     int
	matches   []Match
	servers   map[string]*Server
	ordered   []*Server
	proposals []Proposal
	byMatch   map[string]int // index of the match's proposal
}

func newPlan(tickets []Ticket, view View) *plan {
	p := &plan{
		tickets: tickets,
		seats:   view.Seats,
		matches: slices.Clone(view.Matches),
		servers: make(map[string]*Server, len(view.Servers)),
		byMatch: make(map[string]int),
	}
	for _, s := range view.Servers {
		p.servers[s.ID] = &s
		p.ordered = append(p.ordered, &s)
	}
	slices.SortFunc(p.ordered, func(a, b *Server) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(p.matches, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.ID, b.ID))
	})
	return p
}

func fits(t Ticket, s *Server) bool { return t.Version == "" || t.Version == s.Version }

func (p *plan) seat(m *Match, s *Server, ticket int) {
	m.People += p.tickets[ticket].players()
	s.FreePlayers -= p.tickets[ticket].players()
	at, ok := p.byMatch[m.ID]
	if !ok {
		at = len(p.proposals)
		p.byMatch[m.ID] = at
		p.proposals = append(p.proposals, Proposal{Server: s.ID, Match: m.ID, Create: m.Opening})
	}
	p.proposals[at].Tickets = append(p.proposals[at].Tickets, ticket)
}

func (p *plan) seatWanted(i int) bool {
	t := p.tickets[i]
	at := slices.IndexFunc(p.matches, func(m Match) bool { return m.ID == t.Match })
	if at < 0 {
		return false
	}
	m := &p.matches[at]
	s := p.servers[m.Server]
	if s == nil || m.People+t.players() > m.Seats || !fits(t, s) {
		return false
	}
	p.seat(m, s, i)
	return true
}

// fillOpen seats tickets in open matches and returns those left over.
func (p *plan) fillOpen(rest []int) []int {
	for at := range p.matches {
		m := &p.matches[at]
		s := p.servers[m.Server]
		if !m.Open || m.Private || m.LastCall || s == nil || s.Draining || s.Struck {
			continue
		}
		if len(rest) == 0 {
			return nil
		}
		left := rest[:0:0]
		for n, i := range rest {
			if m.People >= m.Seats || s.FreePlayers <= 0 {
				left = append(left, rest[n:]...)
				break
			}
			if n := p.tickets[i].players(); !fits(p.tickets[i], s) || m.People+n > m.Seats || n > s.FreePlayers {
				left = append(left, i)
				continue
			}
			p.seat(m, s, i)
		}
		rest = left
	}
	return rest
}

// openNew seats tickets in new matches until no server has room for more.
func (p *plan) openNew(rest []int) {
	for len(rest) > 0 {
		s := p.leastLoaded(p.tickets[rest[0]])
		if s == nil || p.tickets[rest[0]].players() > max(p.seats, 1) {
			rest = rest[1:] // waits; another version may still find a server
			continue
		}
		seats := min(max(p.seats, 1), s.FreePlayers)
		proposal := Proposal{Server: s.ID, Create: true}
		people := 0
		left := rest[:0:0]
		for _, i := range rest {
			if n := p.tickets[i].players(); people+n <= seats && fits(p.tickets[i], s) {
				proposal.Tickets = append(proposal.Tickets, i)
				people += n
			} else {
				left = append(left, i)
			}
		}
		p.proposals = append(p.proposals, proposal)
		s.occupy(people)
		rest = left
	}
}

func (p *plan) leastLoaded(t Ticket) *Server {
	var best *Server
	for _, s := range p.ordered {
		if s.takesMatch() && t.players() <= s.FreePlayers && fits(t, s) && (best == nil || s.before(best)) {
			best = s
		}
	}
	return best
}

// Candidates lists the servers that could open a match, best first.
func Candidates(view View) []Server {
	var list []Server
	for _, s := range view.Servers {
		if s.takesMatch() {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Server) int {
		switch {
		case a.before(&b):
			return -1
		case b.before(&a):
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return list
}

func (s *Server) takesMatch() bool {
	return !s.Draining && !s.Full && s.FreeMatches > 0 && s.FreePlayers > 0
}

// before says which of two servers gets a new match: one that answers comes
// before one that did not, whatever their load.
func (s *Server) before(o *Server) bool {
	if s.Struck != o.Struck {
		return o.Struck
	}
	return s.Load < o.Load
}

// occupy accounts for a proposed match, so that the next of the same cycle may
// go elsewhere.
func (s *Server) occupy(people int) {
	perMatch := (1 - min(s.Load, 1)) / float64(max(s.FreeMatches, 1))
	perPlayer := (1 - min(s.Load, 1)) / float64(max(s.FreePlayers, 1))
	s.Load += max(perMatch, perPlayer*float64(people))
	s.FreeMatches--
	s.FreePlayers -= people
}
