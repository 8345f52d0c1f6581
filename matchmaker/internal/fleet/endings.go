package fleet

import (
	"context"
	"maps"
	"slices"

	"go.uber.org/zap"

	"tactus/internal/steady"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Reasons of a MatchEnded by which a match has no result.
const (
	endedGameError = "game_error"
	endedShutdown  = "shutdown"
)

// absence is a stream's end that may have cost matches.
type absence struct {
	matches map[string]struct{}
	timer   *steady.Timer
}

// matchEnded forgets a match and has its end stored, off the stream: a slow
// store must not hold up the server's answers.
func (r *Registry) matchEnded(s *server, e *fleetv1.MatchEnded) {
	id := e.GetMatchId()
	r.mu.Lock()
	if m := r.matches[id]; m != nil && m.server == s {
		r.drop(m)
	}
	for _, a := range r.absent[s.id] {
		delete(a.matches, id)
	}
	_, known := s.storing[id]
	if !known && !r.noMore && len(s.storing) < storeAtOnce {
		s.storing[id] = struct{}{}
		r.following.Go(func() { r.store(s, e) })
	}
	r.mu.Unlock()
	r.changed()
}

// store tells the server when its match's end is stored.
func (r *Registry) store(s *server, e *fleetv1.MatchEnded) {
	id := e.GetMatchId()
	defer func() {
		r.mu.Lock()
		delete(s.storing, id)
		r.mu.Unlock()
	}()
	if reason := e.GetReason(); reason == endedGameError || reason == endedShutdown {
		r.lost(id)
	}
	if r.cfg.Ended != nil {
		ctx, cancel := context.WithTimeout(r.life, storeTimeout)
		defer cancel()
		if err := r.cfg.Ended(ctx, e); err != nil {
			r.log.Warn("a match's end could not be stored; its server will tell again",
				zap.String("match", id), zap.String("queue", e.GetQueue()), zap.String("server", s.id), zap.Error(err))
			return
		}
	}
	s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_MatchEndedAck{
		MatchEndedAck: &fleetv1.MatchEndedAck{MatchId: id},
	}})
}

func (r *Registry) lost(matchID string) {
	if r.cfg.Lost != nil {
		r.cfg.Lost(matchID)
	}
}

// miss counts the matches of a server that is going as lost unless they are
// told of again; it needs the lock.
func (r *Registry) miss(s *server) {
	a := &absence{matches: make(map[string]struct{})}
	for id, m := range s.matches {
		if m.confirmed {
			a.matches[id] = struct{}{}
		}
	}
	if len(a.matches) == 0 || r.noMore {
		return
	}
	r.absent[s.id] = append(r.absent[s.id], a)
	a.timer = steady.AfterFunc(lostAfter, func() { r.giveUp(s.id, a) })
}

// present takes the matches that a server tells of out of those that may be
// lost; it needs the lock. What it does not tell of is still waited for: the
// process may be another one, but its end may also be on its way.
func (r *Registry) present(reg *fleetv1.Register) {
	for _, a := range r.absent[reg.GetServerId()] {
		for _, status := range reg.GetMatches() {
			delete(a.matches, status.GetMatchId())
		}
	}
}

// giveUp tells of the matches that were not heard of again.
func (r *Registry) giveUp(serverID string, a *absence) {
	r.mu.Lock()
	if r.noMore {
		r.mu.Unlock()
		return
	}
	r.following.Add(1)
	defer r.following.Done()
	list := slices.DeleteFunc(r.absent[serverID], func(other *absence) bool { return other == a })
	if len(list) == 0 {
		delete(r.absent, serverID)
	} else {
		r.absent[serverID] = list
	}
	matches := slices.Sorted(maps.Keys(a.matches))
	r.mu.Unlock()
	if len(matches) > 0 {
		r.log.Warn("matches are lost with their game server", zap.String("server", serverID), zap.Int("matches", len(matches)))
	}
	for _, id := range matches {
		r.lost(id)
	}
}
