package match

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"tactus/internal/ws"
	"tactus/server/internal/replicate"
	"tactus/server/internal/session"
)

const (
	// splitFrom is how many connections a match needs before its reads and
	// writes are worth several goroutines.
	splitFrom = 256
	// seatsPerHand is how many seats a match has for each of them, at least.
	seatsPerHand = 128
	maxHands     = 255 // a session holds its number in a byte
)

// crew reads and writes the connections of a big match with several goroutines
// at once. A seat belongs to the same hand all the time. The match's goroutine
// is the first hand; it leaves everything alone that the others read while they
// work, and alone touches the world.
type crew struct {
	hands   []*hand
	running sync.WaitGroup
}

// hand is one goroutine of a match and the memory that it works with.
type hand struct {
	m       *Match
	encoder replicate.Encoder
	bench   *bench
	tally   *session.Tally

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
	frame []byte
	reads ws.ReadBatch
	sends ws.WriteBatch
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
		return &bench{}
	}
	b := spare.benches[n-1]
	spare.benches = spare.benches[:n-1]
	return b
}

// giveBack ends the turn that a bench was borrowed for.
func (h *hand) giveBack() {
	h.tally.FlushTo(h.m.cfg.Metrics)
	spare.Lock()
	defer spare.Unlock()
	if len(spare.benches) < maxSpare {
		spare.benches = append(spare.benches, h.bench)
	}
	h.bench = nil
}

// job is one pass over a hand's seats.
type job struct {
	kind jobKind
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
		n := min(runtime.GOMAXPROCS(0), len(m.players)/seatsPerHand, maxHands)
		if n < 2 {
			return false
		}
		m.engage(n)
	}
	return true
}

func (m *Match) engage(hands int) {
	c := &crew{}
	m.own.crew, m.own.done = c, make(chan any, 1)
	c.hands = append(c.hands, &m.own)
	for n := 1; n < hands; n++ {
		h := &hand{
			m: m, bench: &bench{}, tally: &session.Tally{},
			crew: c, number: n, jobs: make(chan job, 1), done: make(chan any, 1),
		}
		c.hands = append(c.hands, h)
		m.shared.Tallies = append(m.shared.Tallies, h.tally)
		c.running.Go(h.work)
	}
	for p := range m.players {
		m.players[p].session.SetShard(p % hands)
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
		h.tally.FlushTo(h.m.cfg.Metrics)
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
	if j.kind == deliverFrames {
		h.encoder.Reset(h.m.tracker)
	}
	for _, s := range h.m.online {
		if int(s.Slot())%len(h.crew.hands) != h.number {
			continue
		}
		if j.kind == deliverFrames {
			h.deliver(s, j.hash)
		} else {
			h.poll(s)
		}
	}
	h.flush()
}

// poll has what a player sent be read, soon.
func (h *hand) poll(s *session.Session) {
	if !s.Parked() {
		h.bench.reads.Add(h.m.shared.Now, s.Conn(), s)
	}
}

// deliver makes the frame of a prepared seat and has it sent, soon.
func (h *hand) deliver(s *session.Session, hash bool) {
	m := h.m
	if s.Next(m.outcome.known(), &h.encoder) != session.SendSnapshot {
		return
	}
	head := s.Header()
	head.Hash, head.Percent = hash, m.pacer.percent
	b := &h.bench.sends
	buf := h.encoder.Encode(b.Room(s.ReliableBytes()+ws.FrameRoom), &s.View, head)
	b.Add(m.shared.Now, s.Conn(), s, buf, s.Frame(buf))
}

// flush reads and sends what is left of a pass over the seats.
func (h *hand) flush() {
	h.bench.reads.Run(h.m.shared.Now)
	h.bench.sends.Run(h.m.shared.Now)
}
