package server

import "sync"

// maxFences bounds the queues whose terms are remembered.
const maxFences = 4096

// fences keep the former owner of a queue from seating players: it asks with a
// lower term than the one that took over from it.
type fences struct {
	mu    sync.Mutex
	terms map[string]uint64 // the highest seen, by queue
}

// pass reports whether the owner with this term may ask; term 0 always may.
func (f *fences) pass(queue string, term uint64) bool {
	if term == 0 {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	seen, known := f.terms[queue]
	if term < seen {
		return false
	}
	if known || len(f.terms) < maxFences {
		if f.terms == nil {
			f.terms = map[string]uint64{}
		}
		f.terms[queue] = term
	}
	return true
}

// forget lets terms begin anew, as they do where a lone matchmaker restarts.
func (f *fences) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.terms)
}
