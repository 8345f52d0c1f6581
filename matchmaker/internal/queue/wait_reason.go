package queue

import (
	"sync"
	"time"

	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// waitReason is what keeps those who wait from their matches, as far as all of them
// have it in common.
type waitReason struct {
	mu      sync.Mutex
	looked  time.Time // when the last cycle began; zero: there is nothing to tell
	queue   *rules.Queue
	players int          // left waiting by it
	oldest  time.Time    // when the first of them came
	hosts   []fleet.Host // as of asked
	asked   time.Time
}

// hostsAge is how long the fleet's picture is good enough for telling people:
// everybody who searches asks, over and over.
const hostsAge = 250 * time.Millisecond

// update takes in those whom a cycle has left waiting, the oldest first.
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

// clear says that nobody was looked at.
func (o *waitReason) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looked = time.Time{}
}

// WaitingFor says what keeps a searching ticket of one of this process's queues
// from its match, unspecified while that is not known.
func (s *Set) WaitingFor(t *ticket.Ticket) matchmakerv1.WaitingFor {
	q := s.Find(t.Queue)
	if q == nil || t.Match != "" { // a certain match is found at once, or never
		return matchmakerv1.WaitingFor_WAITING_FOR_UNSPECIFIED
	}
	o := &q.waitReason
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if !o.looked.After(t.Created) || o.players == 0 { // or all of them are being seated
		return matchmakerv1.WaitingFor_WAITING_FOR_UNSPECIFIED
	}
	if now.Sub(o.asked) > hostsAge {
		o.hosts, o.asked = s.fleet.Hosts(t.Key), now
	}
	return o.obstacleLocked(t, now)
}

// obstacleLocked needs the mutex.
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
