package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
)

// The journal has a record for each ticket that searches or has ended without a match,
// under its ID. It has one for each match that has won tickets, under the ID of the
// reservation. From then on this record holds the tickets, whether their own records
// are removed yet or not.
const matchPrefix = "m."

// recordSlack is how much longer the record of a ticket lives than the ticket.
const recordSlack = 5 * time.Second

// matchRecord is written once a match has won its tickets.
type matchRecord struct {
	Match  string
	Ticket []*ticket.Ticket // without attributes and latency
	Status []ticket.Status
}

// journalTicket records a ticket as searching, or how it ended without a match.
func (q *Queue) journalTicket(t *ticket.Ticket, status *ticket.Status) *store.Pending {
	record := ticket.Record{Ticket: t, Status: status}
	life := q.set.cfg.KeepEnded
	if status == nil {
		life = time.Until(t.Created.Add(t.Expiry)) + recordSlack
	}
	return q.journal.Append(t.ID, record.Encode(), wholeSeconds(life))
}

// confirmKey is the key of no ticket and no match.
const confirmKey = "confirm"

// Confirm returns nil if this process still owned the queue after the call. A process
// that was suspended may believe that it owns a queue of another.
func (q *Queue) Confirm(ctx context.Context) error {
	confirmed := q.journal.Append(confirmKey, nil, 0)
	select {
	case <-confirmed.Done():
		return confirmed.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// journalMatch records that a match has won tickets. The record lives longer than the
// records of its tickets.
func (q *Queue) journalMatch(f *foundMatch, id string, won []bool, statuses []ticket.Status) *store.Pending {
	r := matchRecord{Match: f.id}
	life := q.set.cfg.KeepEnded
	for i, s := range f.searches {
		if won[i] {
			found := *s.ticket
			found.Attributes, found.Latency = nil, nil
			r.Ticket = append(r.Ticket, &found)
			r.Status = append(r.Status, statuses[i])
			life = max(life, time.Until(s.ticket.Created.Add(s.ticket.Expiry))+2*recordSlack)
		}
	}
	data, err := json.Marshal(&r)
	if err != nil {
		panic(fmt.Sprintf("queue: a match record can't be encoded: %v", err)) // it holds strings and numbers
	}
	return q.journal.Append(matchPrefix+id, data, wholeSeconds(life))
}

// wholeSeconds rounds up to seconds, the unit of the store.
func wholeSeconds(d time.Duration) time.Duration {
	return max(d+time.Second-1, time.Second).Truncate(time.Second)
}

// restore restores the records of an earlier owner of the queue. It returns the tickets
// that search on.
func restore(registry *ticket.Registry, shared *sharedAttributes, records []store.Record) ([]*ticket.Ticket, error) {
	assigned := make(map[string]bool)
	var tickets []*ticket.Record
	for _, r := range records {
		if strings.HasPrefix(r.Key, sharedPrefix) {
			if err := shared.restore(r); err != nil {
				return nil, err
			}
			continue
		}
		if len(r.Key) > len(matchPrefix) && r.Key[:len(matchPrefix)] == matchPrefix {
			var m matchRecord
			if err := json.Unmarshal(r.Value, &m); err != nil || len(m.Status) != len(m.Ticket) {
				return nil, fmt.Errorf("queue: record %s of a match can't be read: %w", r.Key, err)
			}
			for i, t := range m.Ticket {
				assigned[t.ID] = true
				registry.Restore(t, m.Status[i])
			}
			continue
		}
		t, err := ticket.DecodeRecord(r.Value)
		if err != nil {
			return nil, fmt.Errorf("queue: record %s: %w", r.Key, err)
		}
		tickets = append(tickets, t)
	}
	var searching []*ticket.Ticket
	for _, r := range tickets {
		switch {
		case assigned[r.Ticket.ID]:
		case r.Status != nil:
			registry.Restore(r.Ticket, *r.Status)
		default:
			registry.Restore(r.Ticket, ticket.Status{})
			searching = append(searching, r.Ticket)
		}
	}
	return searching, nil
}
