package match

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/replicate"
	"tactus/server/internal/session"
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
	running sync.WaitGroup
}

// hand is one goroutine of a match and the memory that it works with.
type hand struct {
	m       *Match
	encoder replicate.Encoder
	bench   *bench
	lost    []loss // of this pass over the seats

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
	reader  *session.Reader
	frame   []byte
	polled  []*session.Session // and what came from them is not yet taken
	frames  []byte             // of this tick, not yet sent
	parcels []parcel           // whose they are
	batch   ws.Batch           // they, on their way
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
	h.bench.reader.FlushTo(h.m.cfg.Metrics)
	spare.Lock()
	defer spare.Unlock()
	if len(spare.benches) < maxSpare {
		spare.benches = append(spare.benches, h.bench)
	}
	h.bench = nil
}

func newBench() *bench { return &bench{reader: session.NewReader()} }

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
	c := &crew{}
	m.own.crew, m.own.done = c, make(chan any, 1)
	c.hands = append(c.hands, &m.own)
	for n := 1; n < hands; n++ {
		h := &hand{
			m: m, bench: newBench(),
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
		h.bench.reader.FlushTo(h.m.cfg.Metrics)
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
			h.deliver(s, j.tick, j.hash)
		} else {
			h.poll(s)
		}
	}
	h.take()
	h.post(j.tick)
}

// loss is why a seat's connection ended.
type loss struct {
	seat *session.Session
	why  error
}

// poll reads what a player sent, or leaves that to take.
func (h *hand) poll(s *session.Session) {
	if s.Parked() {
		return
	}
	b := h.bench
	s.Poll(b.reader)
	b.polled = append(b.polled, s)
	if len(b.polled) == ws.IntakeRoom {
		h.take()
	}
}

// take reads those who were polled.
func (h *hand) take() {
	b := h.bench
	if len(b.polled) == 0 {
		return
	}
	b.reader.Read()
	for i, s := range b.polled {
		if err := s.Take(b.reader, i); err != nil {
			h.lost = append(h.lost, loss{s, err})
		}
	}
	b.reader.Clear()
	clear(b.polled)
	b.polled = b.polled[:0]
}

// parcel is a seat's frame that is made and not yet sent.
type parcel struct {
	seat     *session.Session
	from, to int // in the bench's frames
}

// postFrom is how many bytes of frames are sent in one go. Making and sending
// them by turns would have either push what the other works with out of the
// processor's caches; much more than this would be out of them itself by the time
// it is sent.
const postFrom = 512 << 10

// deliver makes the frame of a prepared seat and sends it, or leaves that to
// post.
func (h *hand) deliver(s *session.Session, t game.Tick, hash bool) {
	m := h.m
	switch s.Next(m.pacer.pause, m.outcome.known(), &h.encoder, &h.bench.reader.Tally) {
	case session.SendSnapshot:
	case session.CloseSlow:
		h.lost = append(h.lost, loss{s, &ws.CloseError{Code: protocol.CloseSlow, Reason: protocol.CloseSlow.Text()}})
		return
	default:
		return
	}
	head := s.Header()
	head.Hash, head.Percent = hash, m.pacer.percent
	b := h.bench
	start, room := len(b.frames), s.ReliableBytes()+ws.FrameRoom
	b.frames = slices.Grow(b.frames, room)
	b.frames = h.encoder.Encode(b.frames[:start+room], &s.View, head)
	b.parcels = append(b.parcels, parcel{seat: s, from: start + s.Frame(b.frames[start:]), to: len(b.frames)})
	if len(b.frames) >= postFrom {
		h.post(t)
	}
}

// post sends the frames that were made.
func (h *hand) post(t game.Tick) {
	m, b := h.m, h.bench
	if len(b.parcels) == 0 {
		return
	}
	for i := range b.parcels {
		p := &b.parcels[i]
		p.seat.Post(&b.batch, b.frames[p.from:p.to])
	}
	b.batch.Send()
	for i := range b.parcels {
		s := b.parcels[i].seat
		sent := b.batch.Sent(i, m.shared.Now)
		s.Posted(sent, t, m.pacer.pause, &b.reader.Tally)
		if sent.Err != nil {
			h.lost = append(h.lost, loss{s, sent.Err})
		}
	}
	b.batch.Clear()
	clear(b.parcels) // of matches that end, nothing stays
	b.frames, b.parcels = b.frames[:0], b.parcels[:0]
}
