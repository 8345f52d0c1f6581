package server

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/protocol"
)

// Progress of a drain is logged when matches have ended, at most once in
// drainChange, and every drainInterval otherwise.
const (
	drainInterval = 10 * time.Second
	drainChange   = time.Second
)

// drain takes a server out of service: it opens no match and waits for the running
// ones. It is safe for concurrent use.
type drain struct {
	log     *zap.Logger
	matches *registry
	active  atomic.Bool
	done    chan struct{} // closed after the last match, or at the deadline
	once    sync.Once
}

func newDrain(log *zap.Logger, matches *registry) *drain {
	return &drain{log: log, matches: matches, done: make(chan struct{})}
}

// Drain lets the server open no more matches. Host returns when the last match has
// ended, or at the deadline.
func (s *Server) Drain(deadline time.Duration) {
	if s.drain.active.Swap(true) {
		return
	}
	s.fleet.Notify()
	s.drain.start(deadline)
}

func (d *drain) start(deadline time.Duration) {
	matches := d.matches.notify(protocol.CloseDraining, "This server is going away when the match is over.")
	d.log.Info("draining", d.remaining(zap.Duration("deadline", deadline))...)
	if matches == 0 {
		d.matches.signalEnd()
	}
	go d.follow(deadline)
}

// follow ends a drain, and logs its progress.
func (d *drain) follow(deadline time.Duration) {
	began, logged := time.Now(), time.Now()
	look, over := time.NewTicker(drainInterval), time.NewTimer(deadline)
	defer look.Stop()
	defer over.Stop()
	for {
		select {
		case <-d.matches.ended:
		case <-look.C:
		case <-over.C:
			d.log.Warn("drain deadline has passed; matches end now", d.remaining()...)
			d.finish()
			return
		case <-d.matches.ctx.Done(): // the server is stopping
			return
		}
		if matches, _ := d.matches.count(); matches == 0 {
			d.log.Info("drained", zap.Duration("took", time.Since(began)))
			d.finish()
			return
		}
		if since := time.Since(logged); since < drainChange {
			look.Reset(drainChange)
			continue
		}
		d.log.Info("drain goes on", d.remaining(zap.Duration("time_left", deadline-time.Since(began)))...)
		logged = time.Now()
		look.Reset(drainInterval)
	}
}

// remaining adds to fields what still runs.
func (d *drain) remaining(fields ...zap.Field) []zap.Field {
	matches, players := d.matches.count()
	return append(fields, zap.Int("matches", matches), zap.Int("players", players))
}

func (d *drain) finish() { d.once.Do(func() { close(d.done) }) }
