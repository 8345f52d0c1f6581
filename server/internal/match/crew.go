package match

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/replicate"
	"tactus/server/internal/session"
	"tactus/server/internal/ws"
)

const (
	// splitFrom is how many connections a match needs before its reads and
	// writes are worth several goroutines.
	splitFrom = 256
	// seatsPerHand is how many seats a match has for each of them, at least.
	seatsPerHand = 128
)

// crew reads and writes the connections of a big match with several goroutines
// at once. A seat belongs to the same hand all the time. The match's goroutine
// is the first hand; it leaves everything alone that the others read while they
// work, and alone touches the world.
type crew struct {
	hands   []*hand
	faults  []error // by slot: why a connection ended in the last job
	running sync.WaitGroup
}

// hand is one goroutine of a match and the memory that it works with.
type hand struct {
	m      *Match
	engine *replicate.Engine
	bench  *bench

	// Of the hands of a crew:
	crew   *crew
	number int
	jobs   chan job
	done   chan any // what the job panicked with, nil for nothing
}

// bench is the memory that a goroutine reads and writes connections with. A
// match's own goroutine borrows one for each turn: few matches are at theirs at
// the same time.
type bench struct {
	scratch *ws.Scratch
	frame   []byte
}

// spare holds the benches that nobody works at. It is no sync.Pool, so that a
// turn finds one also after the garbage collector ran.
var spare struct {
	sync.Mutex
	benches []*bench
}

// maxSpare bounds what a burst of matches at work at once leaves behind.
var maxSpare = 4 * runtime.GOMAXPROCS(0)

func borrowBench() *bench {
	spare.Lock()
	defer spare.Unlock()
	n := len(spare.benches)
	if n == 0 {
		return newBench()
	}
	b := spare.benches[n-1]
	spare.benches = spare.benches[:n-1]
	return b
}

// giveBack ends the turn that a bench was borrowed for.
func (h *hand) giveBack() {
	spare.Lock()
	defer spare.Unlock()
	if len(spare.benches) < maxSpare {
		spare.benches = append(spare.benches, h.bench)
	}
	h.bench = nil
}

func newBench() *bench { return &bench{scratch: ws.NewScratch()} }

// job is one pass over a hand's seats.
type job struct {
	kind jobKind
	tick game.Tick
	hash bool
}

type jobKind uint8

const (
	pollSeats jobKind = iota
	deliverFrames
)

// split reports whether the match has enough connections for several hands, and
// engages them when it needs them for the first time.
func (m *Match) split() bool {
	if len(m.online) < splitFrom {
		return false
	}
	if m.crew == nil {
		n := min(runtime.GOMAXPROCS(0), len(m.seats)/seatsPerHand)
		if n < 2 {
			return false
		}
		m.engage(n)
	}
	return true
}

func (m *Match) engage(hands int) {
	c := &crew{faults: make([]error, len(m.seats))}
	m.own.crew, m.own.done = c, make(chan any, 1)
	c.hands = append(c.hands, &m.own)
	for n := 1; n < hands; n++ {
		h := &hand{
			m: m, engine: m.engine.Twin(), bench: newBench(),
			crew: c, number: n, jobs: make(chan job, 1), done: make(chan any, 1),
		}
		c.hands = append(c.hands, h)
		c.running.Go(h.work)
	}
	m.crew = c
}

// dismiss ends the goroutines of a crew, if there is one, and waits for them.
func (c *crew) dismiss() {
	if c == nil {
		return
	}
	for _, h := range c.hands[1:] {
		close(h.jobs)
	}
	c.running.Wait()
}

// do has every hand do a job and waits for them all. A panic of one is the
// caller's.
func (c *crew) do(j job) {
	for _, h := range c.hands[1:] {
		h.jobs <- j
	}
	c.hands[0].try(j)
	var fault any
	for _, h := range c.hands {
		if f := <-h.done; f != nil {
			fault = f
		}
	}
	if fault != nil {
		panic(fault)
	}
}

func (h *hand) work() {
	for j := range h.jobs {
		h.try(j)
	}
}

// try does a job and says how it went.
func (h *hand) try(j job) {
	defer func() {
		var fault any
		if r := recover(); r != nil {
			fault = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
		h.done <- fault
	}()
	if j.kind == deliverFrames && h.number > 0 {
		h.engine.Follow(h.m.engine)
	}
	for _, s := range h.m.online {
		if int(s.Slot())%len(h.crew.hands) != h.number {
			continue
		}
		switch {
		case j.kind == deliverFrames:
			h.crew.faults[s.Slot()] = h.deliver(s, j.tick, j.hash)
		case !s.Parked():
			h.crew.faults[s.Slot()] = s.Poll(h.bench.scratch)
		}
	}
}

// deliver sends a prepared seat its frame.
func (h *hand) deliver(s *session.Seat, t game.Tick, hash bool) error {
	m := h.m
	if s.Overflown() {
		return &ws.CloseError{Code: protocol.CloseSlow, Sentence: protocol.CloseSlow.Sentence()}
	}
	if s.Blocked() || s.Stalled() {
		m.cfg.Metrics.Skipped.Inc()
		return nil
	}
	if s.Pace == m.pacer.pause && s.Silent() && h.engine.Idle(&s.View) && s.Waiting() == 0 && m.shared.Now-s.Told() < int64(tellEvery) {
		return nil // nothing to say to somebody who says nothing
	}
	head := s.Header()
	head.Hash, head.Percent = hash, m.pacer.percent
	room := s.Waiting() + ws.FrameRoom
	b := h.bench
	if cap(b.frame) < room {
		b.frame = make([]byte, 0, 2*room)
	}
	b.frame = h.engine.Gather(b.frame[:room], &s.View, head)
	taken, err := s.Deliver(b.frame, t)
	if taken {
		s.Pace = m.pacer.pause
		m.cfg.Metrics.Snapshots.Inc()
	} else {
		m.cfg.Metrics.Skipped.Inc()
	}
	return err
}
