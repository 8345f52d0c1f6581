package api

import (
	"context"
	"net/netip"
	"sync"

	"tactus/internal/ratelimit"
	"tactus/matchmaker/internal/failure"
)

const (
	// watchesPerHandle bounds the streams of one ticket or member. The oldest gives way.
	watchesPerHandle = 4
	// maxWatches bounds the streams of all addresses.
	maxWatches = 50_000
)

// watches counts the streams that watch tickets, parties and rooms. It is safe for
// concurrent use.
type watches struct {
	perAddress int // below 0: no limit

	mu       sync.Mutex
	all      int
	byNarrow map[netip.Prefix]int // by IPv4 address or /64
	byWide   map[netip.Prefix]int // by /56
	byHandle map[string][]*watch
}

type watch struct{ end context.CancelCauseFunc }

func newWatches(perAddress int) *watches {
	return &watches{perAddress: perAddress, byNarrow: make(map[netip.Prefix]int), byWide: make(map[netip.Prefix]int), byHandle: make(map[string][]*watch)}
}

// watching counts a stream until end is called. The context is cancelled when the stream
// has to give way to a newer one, see watchError.
func (l *Limits) watching(ctx context.Context, handle string) (_ context.Context, end func(), err error) {
	client := clientOf(ctx)
	where := ratelimit.AddressOf(client.Addr)
	w := l.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.all >= maxWatches:
	case client.Exempt || w.perAddress < 0 || w.byNarrow[where.Narrow] < w.perAddress && (!where.Is6() || w.byWide[where.Wide] < 2*w.perAddress):
		ctx, end := w.beginLocked(ctx, handle, where)
		return ctx, end, nil
	}
	return nil, nil, l.reject("watches", failure.TooManyWatches, 0)
}

func (w *watches) beginLocked(ctx context.Context, handle string, where ratelimit.Address) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	own := &watch{cancel}
	list := w.byHandle[handle]
	if len(list) >= watchesPerHandle {
		list[0].end(failure.New(failure.WatchReplaced))
		list = append([]*watch(nil), list[1:]...)
	}
	w.byHandle[handle] = append(list, own)
	w.all++
	w.byNarrow[where.Narrow]++
	if where.Is6() {
		w.byWide[where.Wide]++
	}
	return ctx, func() {
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.endLocked(handle, own, where)
	}
}

func (w *watches) endLocked(handle string, own *watch, where ratelimit.Address) {
	list := w.byHandle[handle]
	for i, other := range list {
		if other == own {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if w.byHandle[handle] = list; len(list) == 0 {
		delete(w.byHandle, handle)
	}
	w.all--
	drop(w.byNarrow, where.Narrow)
	if where.Is6() {
		drop(w.byWide, where.Wide)
	}
}

func drop(counts map[netip.Prefix]int, key netip.Prefix) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// watchError is the error of a stream: that it gave way, if it did.
func watchError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && cause != ctx.Err() { //nolint:errorlint // the same value
		return cause
	}
	return err
}
