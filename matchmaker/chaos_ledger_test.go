//go:build unix

package matchmaker_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// ledger is what the players of the chaos test have seen, and what of it must
// not be.
type ledger struct {
	t *testing.T

	mu       sync.Mutex
	broken   int
	created  int
	reasons  map[matchmakerv1.EndReason]int
	ends     map[string]ending // by ticket
	tokens   map[string]string // ticket of each join token
	visits   map[string][]*visit
	finished map[string]*finished // by match
	deaths   map[string][]time.Time
	lost     int             // matches that players lost with their server
	held     map[string]bool // matches with seats that were held in vain
	refused  int             // seats that could not be claimed, since their server had died
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	return &ledger{
		t: t, reasons: make(map[matchmakerv1.EndReason]int), ends: make(map[string]ending), tokens: make(map[string]string),
		visits: make(map[string][]*visit), finished: make(map[string]*finished), held: make(map[string]bool), deaths: make(map[string][]time.Time),
	}
}

// ending is how a ticket ended, as a watcher was told.
type ending struct {
	reason            matchmakerv1.EndReason
	match, url, token string
}

func endingOf(r *matchmakerv1.WatchTicketResponse) ending {
	a := r.GetAssignment()
	return ending{reason: r.GetReason(), match: a.GetMatchId(), url: a.GetUrl(), token: a.GetJoinToken()}
}

func (e ending) String() string { return fmt.Sprintf("%v %s at %s", e.reason, e.match, e.url) }

// visit is the time that a player has in a seat.
type visit struct {
	player, match string
	slot          uint16
	from, to      time.Time // to is zero while it goes on
}

func (s *visit) covers(at time.Time) bool {
	return !at.Before(s.from) && (s.to.IsZero() || !at.After(s.to))
}

// finished is a match that has ended with a result.
type finished struct {
	match, queue, server string
	at                   time.Time
	players              []string
	rated                bool // there were people on two sides
}

// violation says which promise was broken.
func (l *ledger) violation(format string, args ...any) {
	l.mu.Lock()
	l.broken++
	n := l.broken
	l.mu.Unlock()
	if n <= 50 {
		l.t.Errorf(format, args...)
	}
}

func (l *ledger) ticketCreated() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.created++
}

// ticketEnded takes down an ending as often as somebody is told of it.
func (l *ledger) ticketEnded(ticket string, e ending) {
	l.mu.Lock()
	before, known := l.ends[ticket]
	owner, used := l.tokens[e.token], false
	if !known {
		l.ends[ticket] = e
		l.reasons[e.reason]++
		if e.token != "" {
			used = owner != ""
			l.tokens[e.token] = ticket
		}
	}
	l.mu.Unlock()
	switch {
	case known && before != e:
		l.violation("ticket %s has two endings: %v and %v", ticket, before, e)
	case used:
		l.violation("tickets %s and %s have the same seat", owner, ticket)
	}
}

// enter notes a player in a seat. A player has one at a time, and a seat one
// player.
func (l *ledger) enter(s *visit) {
	s.from = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range l.visits[s.match] {
		if other.slot == s.slot && other.to.IsZero() && other.player != s.player {
			l.mu.Unlock()
			l.violation("%s and %s both have seat %d of match %s", other.player, s.player, s.slot, s.match)
			l.mu.Lock()
		}
	}
	l.visits[s.match] = append(l.visits[s.match], s)
}

func (l *ledger) leave(s *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.to = time.Now()
}

// seats is how many players are in a match.
func (l *ledger) seats(match string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.visits[match] {
		if s.to.IsZero() {
			n++
		}
	}
	return n
}

// over takes down a match's result; everybody who was there tells it.
func (l *ledger) over(f *finished) {
	slices.Sort(f.players)
	l.mu.Lock()
	before := l.finished[f.match]
	if before == nil {
		l.finished[f.match] = f
	}
	l.mu.Unlock()
	if before != nil && !slices.Equal(before.players, f.players) {
		l.violation("match %s has two results: of %v and of %v", f.match, before.players, f.players)
	}
}

// died notes that a server was killed.
func (l *ledger) died(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaths[server] = append(l.deaths[server], time.Now())
}

// diedIn reports whether the server was killed in this time.
func (l *ledger) diedIn(server string, from, to time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.deaths[server], func(at time.Time) bool { return !at.Before(from) && !at.After(to) })
}

// heldInVain notes a match in which a seat waits longer for its player than a
// player who was told of it takes.
func (l *ledger) heldInVain(match string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[match] = true
}

// count adds to one of the ledger's counters.
func (l *ledger) count(counter *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*counter++
}

// checkResults wants those in a match's result to have been in the match, and
// nowhere else.
func (l *ledger) checkResults() {
	l.mu.Lock()
	all := make([]*finished, 0, len(l.finished))
	for _, f := range l.finished {
		all = append(all, f)
	}
	visits := make(map[string][]*visit) // by player
	for _, list := range l.visits {
		for _, s := range list {
			visits[s.player] = append(visits[s.player], s)
		}
	}
	l.mu.Unlock()
	const slack = time.Second // between the server's clock of ticks and the players' reading
	for _, f := range all {
		for _, player := range f.players {
			here := slices.ContainsFunc(visits[player], func(s *visit) bool {
				return s.match == f.match && (s.covers(f.at) || s.covers(f.at.Add(-slack)))
			})
			if !here {
				l.violation("%s is in the result of match %s and was not in it", player, f.match)
			}
		}
	}
}
