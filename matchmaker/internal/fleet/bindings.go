package fleet

import (
	"fmt"
	"sync"

	"tactus/matchmaker/internal/access"
)

// maxBindings bounds the ids that are remembered as bound.
const maxBindings = 10_000

// bindings are the server ids that a certificate or token has named. From then on
// only such a caller may register by that id. It is safe for concurrent use.
type bindings struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func newBindings() *bindings { return &bindings{ids: make(map[string]struct{})} }

// check returns why the caller may not register by the id.
func (b *bindings) check(id string, caller access.Caller) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case caller.Server == id:
		if len(b.ids) < maxBindings {
			b.ids[id] = struct{}{}
		}
		return nil
	case caller.Server != "":
		return fmt.Errorf("the caller's certificate or token is that of server %q, it can't register as %q", caller.Server, id)
	}
	if _, bound := b.ids[id]; bound {
		return fmt.Errorf("server %q has a certificate or token of its own; register with that", id)
	}
	return nil
}
