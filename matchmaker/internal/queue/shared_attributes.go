package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/internal/store"
)

const (
	// sharedPrefix begins the keys of records of shared attributes. The journal holds
	// them because game servers know no attributes, and players may come to a running
	// match long after a new owner has taken the queue over.
	sharedPrefix = "a."
	sharedLife   = 6 * time.Hour
	maxShared    = 20_000 // matches; the oldest go
)

// noValues stands in the journal for players that share no value. It is longer than
// any value of a ticket.
var noValues = []string{strings.Repeat("-", 65)}

// sharedAttributes are the values that the players of the queue's running matches
// share, by match and attribute. An attribute without an entry is unknown; with an
// empty list the players share none. The queue's mutex guards them.
type sharedAttributes struct {
	byMatch map[string]map[string][]string
	order   []string
}

func (a *sharedAttributes) put(match string, attributes map[string][]string) {
	if a.byMatch == nil {
		a.byMatch = make(map[string]map[string][]string)
	}
	if _, known := a.byMatch[match]; !known {
		a.order = append(a.order, match)
	}
	a.byMatch[match] = attributes
	if len(a.order) > maxShared {
		delete(a.byMatch, a.order[0])
		a.order = a.order[1:]
	}
}

// add reduces the values of a match to those that new players share. It returns what
// is left.
func (a *sharedAttributes) add(f *foundMatch) map[string][]string {
	before := a.byMatch[f.id]
	after := make(map[string][]string, len(f.rules.Queue.Attributes))
	for _, rule := range f.rules.Queue.Attributes {
		shared, known := before[rule.Name]
		for _, s := range f.searches {
			if values := s.group.Attributes[rule.Name]; len(values) > 0 {
				shared, known = intersect(shared, values, known), true
			}
		}
		if known {
			after[rule.Name] = shared
		}
	}
	a.put(f.id, after)
	return after
}

// intersect returns the values that are in both lists; those of b if a is not known.
func intersect(a, b []string, known bool) []string {
	if !known {
		return b
	}
	both := []string{}
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	return both
}

// encodeShared is the record of a match's attributes.
func encodeShared(attributes map[string][]string) []byte {
	stored := make(map[string][]string, len(attributes))
	for name, values := range attributes {
		if stored[name] = values; len(values) == 0 {
			stored[name] = noValues
		}
	}
	data, err := json.Marshal(stored)
	if err != nil {
		panic(fmt.Sprintf("queue: attributes can't be encoded: %v", err)) // they are strings
	}
	return data
}

// restore puts the record of an earlier owner.
func (a *sharedAttributes) restore(r store.Record) error {
	var attributes map[string][]string
	if err := json.Unmarshal(r.Value, &attributes); err != nil {
		return fmt.Errorf("queue: record %s of a match can't be read: %w", r.Key, err)
	}
	for name, values := range attributes {
		if slices.Equal(values, noValues) {
			attributes[name] = []string{}
		}
	}
	a.put(strings.TrimPrefix(r.Key, sharedPrefix), attributes)
	return nil
}

// journalShared records the attributes that the players of a match share with new
// ones. Only queues with backfill need them.
func (q *Queue) journalShared(f *foundMatch) {
	if f.rules == nil || !f.rules.Queue.Backfill || len(f.rules.Queue.Attributes) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.journal.Append(sharedPrefix+f.id, encodeShared(q.shared.add(f)), sharedLife)
}

// sharedBy are the attributes that the players of a match share, as far as they are
// known.
func (q *Queue) sharedBy(match string) map[string][]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shared.byMatch[match]
}
