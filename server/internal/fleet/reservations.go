package fleet

import (
	"context"
	"sync"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// keptAnswers bounds how many answers are kept for repeated requests.
const keptAnswers = 4096

// reservations asks the host once per request id and gives every repetition
// the first answer, also on a later stream.
type reservations struct {
	ask func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult

	mu      sync.Mutex
	answers map[string]*answer
	order   []string // oldest first
}

type answer struct {
	ready  chan struct{}
	result *fleetv1.ReserveResult
}

func newReservations(ask func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult) *reservations {
	return &reservations{ask: ask, answers: make(map[string]*answer)}
}

// reserve returns the answer to r, nil when ctx ended while another request of
// the same id was still being answered.
func (rs *reservations) reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
	id := r.GetRequestId()
	rs.mu.Lock()
	if a := rs.answers[id]; a != nil {
		rs.mu.Unlock()
		select {
		case <-a.ready:
			return a.result
		case <-ctx.Done():
			return nil
		}
	}
	a := &answer{ready: make(chan struct{})}
	rs.remember(id, a)
	rs.mu.Unlock()

	result := rs.ask(ctx, r)
	if result == nil {
		result = &fleetv1.ReserveResult{Reason: "unavailable"}
	}
	result.RequestId = id
	a.result = result
	close(a.ready)
	return result
}

func (rs *reservations) remember(id string, a *answer) {
	if len(rs.order) == keptAnswers {
		delete(rs.answers, rs.order[0])
		rs.order = rs.order[1:]
	}
	rs.order = append(rs.order, id)
	rs.answers[id] = a
}
