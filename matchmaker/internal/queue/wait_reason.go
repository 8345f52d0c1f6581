package queue

import (
	"sync"
	"time"

	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// waitReason is why the tickets of a queue have no match yet, as far as that holds for
// all of them. It is safe for concurrent use.
type waitReason struct {
	mu      sync.Mutex
	looked  time.Time // beginning of the last cycle; zero: nothing is known
	queue   *rules.Queue
	players int          // that it left waiting
	oldest  time.Time    // creation of the first ticket
	hosts   []fleet.Host // as of asked
	asked   time.Time
}

// hostsAge is how long the state of the fleet is good enough for this: every search
// asks for its reason again and again.
const hostsAge = 250 * time.Millisecond

// update sets the searches that a cycle has left waiting, the oldest first.
func (o *waitReason) update(began time.Time, r *Rules, waiting []*search) {
	players, oldest := 0, began
	for _, s := range waiting {
		players += s.ticket.Size()
	}
	if len(waiting) > 0 {
		oldest = waiting[0].ticket.Created
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looked, o.queue, o.players, o.oldest = began, r.Queue, players, oldest
}

// clear forgets the last cycle, since the present one searched for no match.
func (o *waitReason) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looked = time.Time{}
}

// WaitingFor is why a searching ticket of one of this process's queues has no match
// yet; unspecified while that is not known.
func (s *Set) WaitingFor(t *ticket.Ticket) matchmakerv1.WaitingFor {
	q := s.Find(t.Queue)
	if q == nil || t.Match != "" { // a certain match is found in the first cycle, or never
		return matchmakerv1.WaitingFor_WAITING_FOR_UNSPECIFIED
	}
	o := &q.waitReason
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if !o.looked.After(t.Created) || o.players == 0 { // or all have found matches
		return matchmakerv1.WaitingFor_WAITING_FOR_UNSPECIFIED
	}
	if now.Sub(o.asked) > hostsAge {
		o.hosts, o.asked = s.fleet.Hosts(t.Key), now
	}
	return o.obstacleLocked(t, now)
}

// obstacleLocked returns the first thing that a ticket lacks.
func (o *waitReason) obstacleLocked(t *ticket.Ticket, now time.Time) matchmakerv1.WaitingFor {
	served, reached, free := false, false, 0
	for _, h := range o.hosts {
		if t.Version != "" && t.Version != h.Version {
			continue
		}
		served = true
		if _, measured := t.Latency[h.Region]; measured || o.queue == nil || o.queue.Latency == nil {
			reached = true
			free = max(free, h.Free)
		}
	}
	needed := t.Size()
	if o.queue != nil {
		teams, players := o.queue.Teams.Need(now.Sub(o.oldest))
		needed = max(needed, teams*players)
	}
	switch {
	case !served:
		return matchmakerv1.WaitingFor_WAITING_FOR_NO_SERVER
	case !reached:
		return matchmakerv1.WaitingFor_WAITING_FOR_RULES
	case free < needed:
		return matchmakerv1.WaitingFor_WAITING_FOR_NO_CAPACITY
	case o.queue == nil:
		return matchmakerv1.WaitingFor_WAITING_FOR_UNSPECIFIED
	case o.players < needed:
		return matchmakerv1.WaitingFor_WAITING_FOR_NO_OPPONENTS
	}
	return matchmakerv1.WaitingFor_WAITING_FOR_RULES
}
