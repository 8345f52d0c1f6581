package server

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/protocol"
	"tactus/server/internal/match"
)

const (
	// A drain says how far it is when matches have ended, at most once in
	// drainChange, and every drainInterval otherwise.
	drainInterval = 10 * time.Second
	drainChange   = time.Second
	// overKept is how long a match that is over is told of in Register, and
	// mostOver how many: longer than matchmakers wait for a match to be told of
	// again before they take it for lost.
	overKept = time.Minute
	mostOver = 1024
)

// Drain takes nothing new and lets Host return when the last match has ended,
// or at the deadline.
func (s *Server) Drain(deadline time.Duration) {
	if s.draining.Swap(true) {
		return
	}
	s.fleet.Notify()
	s.mu.Lock()
	for _, m := range s.matches {
		m.Notify(protocol.CloseDraining, "This server is going away when the match is over.")
	}
	empty := len(s.matches) == 0
	s.mu.Unlock()
	s.log.Info("draining", s.standing(zap.Duration("deadline", deadline))...)
	if empty {
		s.matchLeft()
	}
	go s.followDrain(deadline)
}

// followDrain ends a drain, and logs how it goes.
func (s *Server) followDrain(deadline time.Duration) {
	began, logged := time.Now(), time.Now()
	look, over := time.NewTicker(drainInterval), time.NewTimer(deadline)
	defer look.Stop()
	defer over.Stop()
	for {
		select {
		case <-s.left:
		case <-look.C:
		case <-over.C:
			s.log.Warn("drain deadline has passed; matches end now", s.standing()...)
			s.finishDrain()
			return
		case <-s.matchCtx.Done(): // the server was told to end
			return
		}
		s.mu.Lock()
		matches := len(s.matches)
		s.mu.Unlock()
		if matches == 0 {
			s.log.Info("drained", zap.Duration("took", time.Since(began)))
			s.finishDrain()
			return
		}
		if since := time.Since(logged); since < drainChange {
			look.Reset(drainChange)
			continue
		}
		s.log.Info("drain goes on", s.standing(zap.Duration("time_left", deadline-time.Since(began)))...)
		logged = time.Now()
		look.Reset(drainInterval)
	}
}

// standing is what still runs, for the log.
func (s *Server) standing(fields ...zap.Field) []zap.Field {
	s.mu.Lock()
	matches := len(s.matches)
	s.mu.Unlock()
	return append(fields, zap.Int("matches", matches), zap.Int("players", s.people()))
}

// people counts the seats that people have, in all matches.
func (s *Server) people() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	people := 0
	for _, m := range s.matches {
		people += m.Status().People
	}
	return people
}

// matchLeft has a drain look at what still runs.
func (s *Server) matchLeft() {
	select {
	case s.left <- struct{}{}:
	default:
	}
}

func (s *Server) finishDrain() { s.drainOnce.Do(func() { close(s.drained) }) }

// overMatches are the matches that ended a moment ago with an end of their own.
// A matchmaker whose stream was broken meanwhile would take them for lost.
type overMatches struct {
	mu   sync.Mutex
	list []overMatch // oldest first
}

type overMatch struct {
	status *match.Status
	at     time.Time
}

// add takes in a match that ended. One that its rules or the server ended is
// lost.
func (o *overMatches) add(st *match.Status, reason string) {
	if reason == match.EndError || reason == match.EndShutdown {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.prune()
	if len(o.list) == mostOver {
		o.list = o.list[1:]
	}
	o.list = append(o.list, overMatch{st, time.Now()})
}

// recent lists them.
func (o *overMatches) recent() []*match.Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.prune()
	list := make([]*match.Status, 0, len(o.list))
	for _, m := range o.list {
		list = append(list, m.status)
	}
	return list
}

// prune needs the lock.
func (o *overMatches) prune() {
	for len(o.list) > 0 && time.Since(o.list[0].at) > overKept {
		o.list = o.list[1:]
	}
}
