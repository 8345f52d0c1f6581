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
	// commonPrefix is of the records of what a match's people have in common.
	// Servers know nothing of attributes, and players may come to a running
	// match long after a new owner has taken the queue over.
	sharedPrefix = "a."
	sharedLife   = 6 * time.Hour
	maxShared    = 20_000 // matches, the oldest go
)

// nothing is what people have in common who have nothing: a value too long for
// any ticket, so that nobody who cares fits.
var nothing = []string{strings.Repeat("-", 65)}

// sharedAttributes are what the people of the queue's running matches have in common, by
// match and attribute. They are guarded by the queue's mutex.
type sharedAttributes struct {
	byMatch map[string]map[string][]string
	order   []string
}

func (c *sharedAttributes) put(match string, attributes map[string][]string) {
	if c.byMatch == nil {
		c.byMatch = make(map[string]map[string][]string)
	}
	if _, known := c.byMatch[match]; !known {
		c.order = append(c.order, match)
	}
	c.byMatch[match] = attributes
	if len(c.order) > maxShared {
		delete(c.byMatch, c.order[0])
		c.order = c.order[1:]
	}
}

// restore takes in an earlier owner's record.
func (c *sharedAttributes) restore(r store.Record) error {
	var attributes map[string][]string
	if err := json.Unmarshal(r.Value, &attributes); err != nil {
		return fmt.Errorf("queue: record %s of a match can't be read: %w", r.Key, err)
	}
	c.put(strings.TrimPrefix(r.Key, sharedPrefix), attributes)
	return nil
}

// journalShared notes what those whom a match has won have in common with who is in
// it already. Only matches that may ask for players need it.
func (q *Queue) journalShared(f *foundMatch) {
	if f.rules == nil || !f.rules.Queue.Backfill || len(f.rules.Queue.Attributes) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	before := q.shared.byMatch[f.id]
	after := make(map[string][]string, len(f.rules.Queue.Attributes))
	for _, a := range f.rules.Queue.Attributes {
		shared := before[a.Name]
		for _, s := range f.searches {
			shared = intersect(shared, s.group.Attributes[a.Name])
		}
		if len(shared) > 0 {
			after[a.Name] = shared
		}
	}
	q.shared.put(f.id, after)
	data, err := json.Marshal(after)
	if err != nil {
		panic(fmt.Sprintf("queue: attributes can't be encoded: %v", err)) // they are strings alone
	}
	q.journal.Append(sharedPrefix+f.id, data, sharedLife)
}

// intersect is what both have; one that says nothing fits all.
func intersect(a, b []string) []string {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	var both []string
	for _, v := range a {
		if slices.Contains(b, v) {
			both = append(both, v)
		}
	}
	if len(both) == 0 {
		return nothing
	}
	return both
}

// sharedBy is what a match's people have in common, as far as it is known.
func (q *Queue) sharedBy(match string) map[string][]string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shared.byMatch[match]
}
