package fleet

import (
	"context"
	"hash/maphash"
	"sync"

	"google.golang.org/protobuf/proto"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// reservations calls the host once per request id and repeats the first answer to
// each repetition, also on another stream. It is safe for concurrent use.
type reservations struct {
	ask func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult

	mu      sync.Mutex
	pending map[string]*answer
	kept    keptAnswers
}

// answer is one that the host has not given yet.
type answer struct {
	ready  chan struct{}
	result *fleetv1.ReserveResult // nil: its stream had ended
}

func newReservations(ask func(context.Context, *fleetv1.Reserve) *fleetv1.ReserveResult) *reservations {
	return &reservations{
		ask: ask, pending: make(map[string]*answer),
		kept: keptAnswers{byRequest: make(map[requestKey]string)},
	}
}

// reserve returns the answer to r, nil if ctx ended first. A request whose stream
// ended before it was granted has no answer; its repetition calls the host again.
func (rs *reservations) reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
	id := r.GetRequestId()
	for {
		kept, a, mine := rs.claim(id)
		switch {
		case kept != nil:
			return kept
		case mine:
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

// claim returns the kept answer of an id, or the pending one. The caller must find
// the pending one if mine is true.
func (rs *reservations) claim(id string) (kept *fleetv1.ReserveResult, a *answer, mine bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if kept = rs.kept.get(id); kept != nil {
		return kept, nil, false
	}
	if a = rs.pending[id]; a != nil {
		return nil, a, false
	}
	a = &answer{ready: make(chan struct{})}
	rs.pending[id] = a
	return nil, a, true
}

func (rs *reservations) first(ctx context.Context, r *fleetv1.Reserve, a *answer) *fleetv1.ReserveResult {
	defer close(a.ready)
	id := r.GetRequestId()
	result := rs.ask(ctx, r)
	if ctx.Err() != nil && !result.GetOk() {
		result = nil
	} else {
		result.RequestId = id
	}
	a.result = result
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.pending, id)
	if result != nil {
		rs.kept.add(id, result)
	}
	return result
}

// keptAnswers are the newest answers, up to maxKeptAnswers. A server that fills up
// quickly has all of them, so each takes as few bytes as it can: a hash instead of
// the id, and the answer as it is sent.
type keptAnswers struct {
	byRequest map[requestKey]string
	order     []requestKey // a ring once it is full
	oldest    int          // in the ring
}

// requestKey is the hash of a request id. Two of 4,096 ids share one with a
// probability of 1 to 2 trillion, and no sender knows which.
type requestKey uint64

var requestSeed = maphash.MakeSeed()

func keyOf(id string) requestKey { return requestKey(maphash.String(requestSeed, id)) }

// get returns the answer to a request, nil if there is none.
func (k *keptAnswers) get(id string) *fleetv1.ReserveResult {
	encoded, ok := k.byRequest[keyOf(id)]
	if !ok {
		return nil
	}
	result := &fleetv1.ReserveResult{}
	if err := proto.Unmarshal([]byte(encoded), result); err != nil {
		return nil // impossible: add marshaled it
	}
	return result
}

// add keeps an answer, in place of the oldest one if there are too many.
func (k *keptAnswers) add(id string, result *fleetv1.ReserveResult) {
	encoded, err := proto.Marshal(result)
	if err != nil {
		return // it can't be sent either: a repetition calls the host again
	}
	key := keyOf(id)
	k.byRequest[key] = string(encoded)
	if len(k.order) < maxKeptAnswers {
		k.order = append(k.order, key)
		return
	}
	delete(k.byRequest, k.order[k.oldest])
	k.order[k.oldest] = key
	k.oldest = (k.oldest + 1) % maxKeptAnswers
}
