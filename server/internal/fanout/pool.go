package fanout

import (
	"cmp"
	"runtime"
	"slices"
	"sync"

	"tactus/internal/ws"
	"tactus/server/internal/replicate"
	"tactus/server/internal/session"
)

const (
	// shardFrom is how many connections a match needs before several goroutines read
	// and write them.
	shardFrom = 256
	// seatsPerShard is the least number of seats per shard.
	seatsPerShard = 128
	// maxShards is bounded by [session.Session.SetShard].
	maxShards = 255
)

// Pool reads and writes the sessions of one match. Not safe for concurrent use; owned
// by the goroutine that runs the match.
type Pool struct {
	shared  *session.Shared
	tracker *replicate.Tracker
	seats   int
	shards  []*shard // the first is the owner's; only it exists until the match is big
	running sync.WaitGroup
	lost    []session.Lost
}

// New makes the pool of a match with so many seats. It sets the tallies of shared.
func New(shared *session.Shared, tracker *replicate.Tracker, seats int) *Pool {
	p := &Pool{shared: shared, tracker: tracker, seats: seats}
	p.addShard(nil)
	return p
}

// Begin begins a turn of the match: it borrows the memory that End returns. A turn
// that panics has no End; its memory may be in any state and is not used again.
func (p *Pool) Begin() { p.shards[0].work = borrowWorkspace() }

// End ends a turn and adds what was counted to the metrics.
func (p *Pool) End() {
	for _, t := range p.shared.Tallies {
		t.FlushTo(p.shared.Metrics)
	}
	returnWorkspace(p.shards[0].work)
	p.shards[0].work = nil
}

// Frame builds a frame for many sessions in the turn's memory: fill appends its
// payload. It is valid until the next call.
func (p *Pool) Frame(fill func(dst []byte) []byte) []byte {
	var room [ws.FrameRoom]byte
	w := p.shards[0].work
	w.frame = fill(append(w.frame[:0], room[:]...))
	return ws.Frame(w.frame)
}

// Read reads the connection of each session once, except those that are parked.
func (p *Pool) Read(sessions []*session.Session) {
	if p.sharded(len(sessions)) {
		p.run(pass{kind: readPass, sessions: sessions, shards: len(p.shards)})
		return
	}
	p.shards[0].read(sessions, 1)
}

// Snapshot is what the snapshots of a tick have in common.
type Snapshot struct {
	Hash   bool // they bring the hash of the state
	Result bool // the match has a result
	// Percent is the speed of the match's clock, in percent of the normal speed.
	Percent uint32
}

// Send sends each session its snapshot if one is due to it. The tracker has begun the
// snapshot, and ends it afterwards.
func (p *Pool) Send(sessions []*session.Session, s Snapshot) {
	if !p.sharded(len(sessions)) {
		p.shards[0].send(sessions, s, 1)
		return
	}
	for _, one := range sessions {
		p.tracker.Prepare(&one.View)
	}
	p.run(pass{kind: sendPass, sessions: sessions, snapshot: s, shards: len(p.shards)})
}

// Lost returns the sessions that have lost their connection since the last call, or must
// be closed, in the order of their slots. The slice is valid until the next call.
func (p *Pool) Lost() []session.Lost {
	clear(p.lost) // keeps no connection that has ended
	p.lost = p.lost[:0]
	for _, t := range p.shared.Tallies {
		p.lost = append(p.lost, t.Lost...)
		clear(t.Lost)
		t.Lost = t.Lost[:0]
	}
	slices.SortFunc(p.lost, func(a, b session.Lost) int { return cmp.Compare(a.Session.Slot(), b.Session.Slot()) })
	return p.lost
}

// Shards returns the number of goroutines that read and write sessions.
func (p *Pool) Shards() int { return len(p.shards) }

// Close ends the goroutines of the shards and waits for them. It may be called after
// a pass that panicked.
func (p *Pool) Close() {
	for _, h := range p.shards[1:] {
		close(h.passes)
	}
	p.shards = p.shards[:1]
	p.running.Wait()
}

// sharded reports whether so many connections are read and written in shards. It
// starts them when they are needed for the first time.
func (p *Pool) sharded(connections int) bool {
	if connections < shardFrom {
		return false
	}
	if len(p.shards) == 1 {
		n := min(runtime.GOMAXPROCS(0), p.seats/seatsPerShard, maxShards)
		if n < 2 {
			return false
		}
		p.StartShards(n)
	}
	return true
}

// StartShards makes n shards of a pool that has one. Pools of big matches call it
// themselves.
func (p *Pool) StartShards(n int) {
	p.shards[0].done = make(chan any, 1)
	for len(p.shards) < n {
		h := p.addShard(&workspace{})
		h.passes, h.done = make(chan pass, 1), make(chan any, 1)
		p.running.Go(h.serve)
	}
}

func (p *Pool) addShard(w *workspace) *shard {
	h := &shard{pool: p, number: len(p.shards), work: w}
	p.shards = append(p.shards, h)
	p.shared.Tallies = append(p.shared.Tallies, &h.tally)
	return h
}

// run has every shard do a pass and waits for all of them. If one panics, so does
// run, after all have stopped.
func (p *Pool) run(s pass) {
	for _, h := range p.shards[1:] {
		h.passes <- s
	}
	p.shards[0].try(s)
	var fault any
	for _, h := range p.shards {
		if f := <-h.done; f != nil {
			fault = f
		}
	}
	if fault != nil {
		panic(fault)
	}
}
