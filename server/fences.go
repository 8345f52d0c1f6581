package server

import "sync"

// maxFences bounds the queues whose terms are remembered.
const maxFences = 4096

// fences reject reservations of a queue's former owner: its term is lower than that
// of the present owner. It is safe for concurrent use.
type fences struct {
	mu    sync.Mutex
	terms map[string]uint64 // the highest seen, by queue
}

// pass reports whether the owner with this term may reserve seats; term 0 always may.
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

// forget forgets all terms: those of a single matchmaker that restarts begin at 1.
func (f *fences) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.terms)
}
