package fanout

import (
	"runtime"
	"sync"

	"tactus/internal/ws"
)

// workspace is the memory that a goroutine reads and writes connections with. A
// match's own goroutine borrows one for each turn: few matches have their turns at
// the same time. Not safe for concurrent use; owned by its borrower.
type workspace struct {
	frame  []byte // see [Pool.Frame]
	reads  ws.ReadBatch
	writes ws.WriteBatch
}

// spare holds the workspaces that are not borrowed. It is no sync.Pool, so that a
// turn finds one also after the garbage collector ran.
var spare struct {
	sync.Mutex
	workspaces []*workspace
}

// maxSpare bounds what remains after a burst of simultaneous turns.
var maxSpare = 4 * runtime.GOMAXPROCS(0)

func borrowWorkspace() *workspace {
	spare.Lock()
	defer spare.Unlock()
	n := len(spare.workspaces)
	if n == 0 {
		return &workspace{}
	}
	w := spare.workspaces[n-1]
	spare.workspaces = spare.workspaces[:n-1]
	return w
}

func returnWorkspace(w *workspace) {
	spare.Lock()
	defer spare.Unlock()
	if len(spare.workspaces) < maxSpare {
		spare.workspaces = append(spare.workspaces, w)
	}
}
