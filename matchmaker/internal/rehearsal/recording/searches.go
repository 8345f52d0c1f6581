package recording

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/matchfunc"
)

// Search is one search of a recording, from its begin to its end.
type Search struct {
	Group *matchfunc.Group
	// Reason is why it ended; empty: it had not when the recording ended.
	Reason string
	// Wait is how long it lasted, 0 without an end.
	Wait time.Duration
}

// Searches are the searches in recordings of one queue.
type Searches struct {
	Queue         string
	RulesVersions []string // in the order of the files
	List          []Search // by begin
	// Torn names the files with a broken last line.
	Torn []string
	// Orphans counts ends of searches without a begin in any of the files.
	Orphans int
}

// Load reads recordings of one queue, in any order. A search that is in several of them,
// since the queue moved from one matchmaker to another, counts once.
func Load(paths ...string) (*Searches, error) {
	files := make([]*File, len(paths))
	var errs []error
	for i, path := range paths {
		var err error
		if files[i], err = open(path); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := &Searches{}
	queues := make(map[string]bool)
	for i, f := range files {
		queues[f.Header.Queue] = true
		s.Queue = f.Header.Queue
		if v := f.Header.RulesVersion; v != "" && !slices.Contains(s.RulesVersions, v) {
			s.RulesVersions = append(s.RulesVersions, v)
		}
		if f.Torn {
			s.Torn = append(s.Torn, paths[i])
		}
	}
	if len(queues) > 1 {
		return nil, fmt.Errorf("these recordings are of several queues (%s); take one queue's at a time",
			strings.Join(slices.Sorted(maps.Keys(queues)), ", "))
	}
	s.join(files)
	return s, nil
}

func open(path string) (*File, error) {
	on, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = on.Close() }()
	return Read(path, on)
}

// join matches begins and ends.
func (s *Searches) join(files []*File) {
	places := make(map[string]int)
	var ends []Event
	for _, f := range files {
		for _, e := range f.Events {
			if e.Group == nil {
				ends = append(ends, e)
			} else if _, twice := places[e.Ticket]; !twice {
				places[e.Ticket] = len(s.List)
				s.List = append(s.List, Search{Group: e.Group})
			}
		}
	}
	for _, e := range ends {
		at, known := places[e.Ticket]
		if !known {
			s.Orphans++
			continue
		}
		search := &s.List[at]
		if wait := max(e.At.Sub(search.Group.Created), 0); search.Reason == "" || wait < search.Wait {
			search.Reason, search.Wait = e.Reason, wait
		}
	}
	slices.SortStableFunc(s.List, func(a, b Search) int { return a.Group.Created.Compare(b.Group.Created) })
}
