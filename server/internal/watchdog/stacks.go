package watchdog

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxStacks bounds the text of the stacks, in bytes.
	maxStacks = 1 << 20
	// stacksEvery is the time between two reads: a read stops every goroutine.
	stacksEvery = time.Minute
)

// stacks reads the stacks of all goroutines, at most once in stacksEvery. It is safe
// for concurrent use.
type stacks struct {
	mu   sync.Mutex
	read time.Time
}

// Stacks returns the stacks of all goroutines, first those that have the text in theirs,
// last the caller's. It returns a sentence instead when they were read in the last
// minute.
func (w *Watchdog) Stacks(text string) []byte {
	w.stacks.mu.Lock()
	defer w.stacks.mu.Unlock()
	if now := time.Now(); w.stacks.read.IsZero() || now.Sub(w.stacks.read) >= stacksEvery {
		w.stacks.read = now
		b := make([]byte, maxStacks)
		return culpritFirst(b[:runtime.Stack(b, true)], text)
	}
	return []byte("not read: the stacks were logged less than a minute ago")
}

// Goroutine returns the text by which [Watchdog.Stacks] finds the calling goroutine.
func Goroutine() string {
	var b [64]byte
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b[:], false)]), "[")
	return name + "["
}

// Pointer returns the text by which [Watchdog.Stacks] finds the goroutines that run a
// method of a pointer.
func Pointer(p any) string { return fmt.Sprintf("(%p", p) }

// culpritFirst moves the goroutines that have the text in their stack to the front, and
// the first one, which has read the stacks, to the end.
func culpritFirst(all []byte, text string) []byte {
	reader, others, _ := bytes.Cut(all, []byte("\n\n"))
	var first, rest [][]byte
	for goroutine := range bytes.SplitSeq(others, []byte("\n\n")) {
		if bytes.Contains(goroutine, []byte(text)) {
			first = append(first, goroutine)
		} else {
			rest = append(rest, goroutine)
		}
	}
	return bytes.Join(slices.Concat(first, rest, [][]byte{reader}), []byte("\n\n"))
}
