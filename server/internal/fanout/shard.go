package fanout

import (
	"fmt"
	"runtime/debug"

	"tactus/internal/ws"
	"tactus/server/internal/replicate"
	"tactus/server/internal/session"
)

// shard is a fixed share of a match's sessions: a slot modulo the number of shards is
// the shard's number. Not safe for concurrent use; owned by its own goroutine during a
// pass, else by the match's.
type shard struct {
	pool    *Pool
	number  int
	work    *workspace // of the first shard: during a turn
	tally   session.Tally
	encoder replicate.Encoder
	passes  chan pass // to the shard's goroutine
	done    chan any  // what a pass panicked with, nil if it did not
}

// pass is one visit of all sessions.
type pass struct {
	kind     passKind
	snapshot Snapshot
	sessions []*session.Session
	shards   int
}

type passKind uint8

const (
	readPass passKind = iota
	sendPass
)

// serve does passes until the pool is closed.
func (h *shard) serve() {
	for p := range h.passes {
		h.try(p)
	}
}

// try does a pass and reports its panic to the pool.
func (h *shard) try(p pass) {
	defer func() {
		var fault any
		if r := recover(); r != nil {
			fault = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
		h.done <- fault
	}()
	if p.kind == readPass {
		h.read(p.sessions, p.shards)
	} else {
		h.send(p.sessions, p.snapshot, p.shards)
	}
}

// read reads the shard's sessions, one of so many shards. One shard has all sessions.
func (h *shard) read(sessions []*session.Session, shards int) {
	now := h.pool.shared.Now
	for _, s := range sessions {
		if h.owns(s, shards) && !s.Parked() {
			h.work.reads.Add(now, s.Conn(), s)
		}
	}
	h.work.reads.Run(now)
}

func (h *shard) send(sessions []*session.Session, snapshot Snapshot, shards int) {
	now, batch := h.pool.shared.Now, &h.work.writes
	h.encoder.Reset(h.pool.tracker)
	for _, s := range sessions {
		if !h.owns(s, shards) {
			continue
		}
		if shards == 1 {
			h.pool.tracker.Prepare(&s.View)
		}
		if s.Next(snapshot.Result, &h.encoder) != session.SendSnapshot {
			continue
		}
		head := s.Header()
		head.Hash, head.Percent = snapshot.Hash, snapshot.Percent
		buf := h.encoder.Encode(batch.Room(s.ReliableBytes()+ws.FrameRoom), &s.View, head)
		batch.Add(now, s.Conn(), s, buf, s.Frame(buf))
	}
	batch.Run(now)
}

// owns reports whether a session is in the shard, one of so many. The session then
// uses the shard's tally.
func (h *shard) owns(s *session.Session, shards int) bool {
	if shards > 1 && int(s.Slot())%shards != h.number {
		return false
	}
	s.SetShard(h.number)
	return true
}
