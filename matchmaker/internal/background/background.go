// Package background runs work that calls leave behind after they have been
// answered.
package background

import "sync"

// Group is a set of goroutines that are waited for at the end. The zero value is
// ready to use. It is safe for concurrent use.
type Group struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// Go runs f in a goroutine of its own. After Close it does nothing.
func (g *Group) Go(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.wg.Go(f)
	}
}

// Close refuses new work and waits for the rest.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}
