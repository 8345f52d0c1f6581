package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/seal"
	"tactus/protocol/rpc/feature"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Reasons of a MatchEnded that say that a match has no result.
const (
	endedGameError = "game_error"
	endedShutdown  = "shutdown"
)

// results has the ends of matches stored, and reports matches that are lost. It is
// safe for concurrent use. It does not call the registry.
type results struct {
	ended func(ctx context.Context, from seal.Reporter, e *fleetv1.MatchEnded) error // nil: nothing is stored
	lost  func(matchID string)                                                       // nil: nothing is reported
	log   *zap.Logger

	ctx     context.Context //nolint:containedctx // of all calls of ended
	cancel  context.CancelFunc
	running sync.WaitGroup // calls of ended and lost

	mu      sync.Mutex
	closed  bool
	storing map[*server]map[string]struct{} // matches, by stream
	absent  map[string][]*absence           // by server id
}

// absence is the end of a stream that may have cost matches.
type absence struct {
	matches map[string]struct{}
	timer   *steady.Timer
}

func newResults(cfg Config, log *zap.Logger) *results {
	ctx, cancel := context.WithCancel(context.Background())
	return &results{
		ended: cfg.Ended, lost: cfg.Lost, log: log, ctx: ctx, cancel: cancel,
		storing: make(map[*server]map[string]struct{}), absent: make(map[string][]*absence),
	}
}

// store stores the end of a match, off the stream: a slow store must not delay the
// server's answers. Beyond storeAtOnce it does nothing, and the server sends the end
// again.
func (r *results) store(s *server, e *fleetv1.MatchEnded) {
	id := e.GetMatchId()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.absent[s.id] {
		delete(a.matches, id)
	}
	_, known := r.storing[s][id]
	if known || r.closed || len(r.storing[s]) >= storeAtOnce {
		return
	}
	if r.storing[s] == nil {
		r.storing[s] = make(map[string]struct{})
	}
	r.storing[s][id] = struct{}{}
	r.running.Go(func() {
		r.storeNow(s, e)
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(r.storing[s], id); len(r.storing[s]) == 0 {
			delete(r.storing, s)
		}
	})
}

// storeNow acknowledges the end when it is stored.
func (r *results) storeNow(s *server, e *fleetv1.MatchEnded) {
	id := e.GetMatchId()
	if reason := e.GetReason(); reason == endedGameError || reason == endedShutdown {
		r.report(id)
	}
	if r.ended != nil {
		ctx, cancel := context.WithTimeout(r.ctx, storeTimeout)
		defer cancel()
		if err := r.ended(ctx, seal.Reporter{Server: s.id, Seals: slices.Contains(s.features, feature.Seals)}, e); err != nil {
			r.log.Warn("match result not stored; its server sends it again",
				zap.String("match", id), zap.String("queue", e.GetQueue()), zap.String("server", s.id), zap.Error(err))
			return
		}
	}
	s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_MatchEndedAck{
		MatchEndedAck: &fleetv1.MatchEndedAck{MatchId: id},
	}})
}

func (r *results) report(matchID string) {
	if r.lost != nil {
		r.lost(matchID)
	}
}

// miss reports matches of a server that is gone as lost, unless a server reports
// them again in time.
func (r *results) miss(serverID string, matches map[string]struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(matches) == 0 || r.closed {
		return
	}
	a := &absence{matches: matches}
	r.absent[serverID] = append(r.absent[serverID], a)
	a.timer = steady.AfterFunc(lostAfter, func() { r.expire(serverID, a) })
}

// present removes the matches that a server reports from those that may be lost. It
// does not remove the others: another process may have the server's id now, and the
// end of a match may still arrive.
func (r *results) present(reg *fleetv1.Register) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.absent[reg.GetServerId()] {
		for _, status := range reg.GetMatches() {
			delete(a.matches, status.GetMatchId())
		}
	}
}

// expire reports the matches of an absence that no server has reported again.
func (r *results) expire(serverID string, a *absence) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.running.Add(1)
	defer r.running.Done()
	list := slices.DeleteFunc(r.absent[serverID], func(other *absence) bool { return other == a })
	if len(list) == 0 {
		delete(r.absent, serverID)
	} else {
		r.absent[serverID] = list
	}
	matches := slices.Sorted(maps.Keys(a.matches))
	r.mu.Unlock()
	if len(matches) > 0 {
		r.log.Warn("matches lost with their game server", zap.String("server", serverID), zap.Int("matches", len(matches)))
	}
	for _, id := range matches {
		r.report(id)
	}
}

// close ends the running calls and waits for them.
func (r *results) close() {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	for _, list := range r.absent {
		for _, a := range list {
			a.timer.Stop()
		}
	}
	r.mu.Unlock()
	r.running.Wait()
}
