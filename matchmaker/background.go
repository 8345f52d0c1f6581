package matchmaker

import "sync"

// background is what calls leave behind when they have been answered. Once it
// was waited for, nothing new begins.
type background struct {
	mu   sync.Mutex
	over bool
	wg   sync.WaitGroup
}

// begin runs f in a goroutine of its own, unless it is too late for that.
func (b *background) begin(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.wg.Go(f)
	}
}

// wait lets nothing new begin and waits for the rest.
func (b *background) wait() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	b.wg.Wait()
}
