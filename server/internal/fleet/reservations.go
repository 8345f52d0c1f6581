package fleet

import (
	"context"
	"slices"
	"sync"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// reservations calls the host once per request id and repeats the first answer to
// each repetition, also on another stream. It is safe for concurrent use.
type reservations struct {
	ask func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult

	mu      sync.Mutex
	answers map[string]*answer
	order   []string // oldest first
}

type answer struct {
	ready  chan struct{}
	result *fleetv1.ReserveResult // nil: its stream had ended
}

func newReservations(ask func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult) *reservations {
	return &reservations{ask: ask, answers: make(map[string]*answer)}
}

// reserve returns the answer to r, nil if ctx ended first. A request whose stream
// ended before it was granted has no answer; its repetition calls the host again.
func (rs *reservations) reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
	id := r.GetRequestId()
	for {
		a, mine := rs.claim(id)
		if mine {
			return rs.first(ctx, r, a)
		}
		select {
		case <-a.ready:
			if a.result != nil {
				return a.result
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// claim returns the answer of an id. The caller must find it if mine is true.
func (rs *reservations) claim(id string) (a *answer, mine bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if a := rs.answers[id]; a != nil {
		return a, false
	}
	if len(rs.order) == keptAnswers {
		delete(rs.answers, rs.order[0])
		rs.order = rs.order[1:]
	}
	a = &answer{ready: make(chan struct{})}
	rs.order = append(rs.order, id)
	rs.answers[id] = a
	return a, true
}

func (rs *reservations) first(ctx context.Context, r *fleetv1.Reserve, a *answer) *fleetv1.ReserveResult {
	defer close(a.ready)
	result := rs.ask(ctx, r)
	if ctx.Err() != nil && !result.GetOk() {
		rs.forget(r.GetRequestId(), a)
		return nil
	}
	result.RequestId = r.GetRequestId()
	a.result = result
	return result
}

func (rs *reservations) forget(id string, a *answer) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.answers[id] != a {
		return
	}
	delete(rs.answers, id)
	if at := slices.Index(rs.order, id); at >= 0 {
		rs.order = slices.Delete(rs.order, at, at+1)
	}
}
