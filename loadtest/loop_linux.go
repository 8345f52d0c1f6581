package loadtest

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tactus/loadtest/internal/timingwheel"
	"tactus/loadtest/internal/sockets"
)

// rawLoop serves links as raw non-blocking descriptors, by one thread and without
// allocating: what a bot costs is its system calls. Each socket is read when a
// snapshot should have come.
type rawLoop struct {
	clock  clock
	meter  *meter
	queue  queue
	links  []*rawLink // by number; nil: free
	looks  timingwheel.Wheel  // when links are to be read, by number
	spent  atomic.Int64
	played int64 // when inputs were sent last

	receiver *sockets.Receiver
	slowReceiver   *sockets.Receiver // for slow links
	outbox   sockets.WriteBatch
	senders  []*rawLink // by their frame in the outbox
	readers  []*rawLink // whose sockets are read together
	fds      []int32    // theirs
	received []sockets.Received

	mu   sync.Mutex
	done bool
	new  []*rawLink // handed over, not yet served
}

// together is how many sockets are written or read in one go.
const together = 64

// rawLink is a link's descriptor and its way out.
type rawLink struct {
	*connection
	loop   *rawLoop
	fd     int
	arrivals   sockets.ArrivalEstimate
	look   int64  // when it is to be read
	rest   []byte // of a frame that the socket took in part
	early  []byte // read before the hand-over
	born   int64
	reads  bool // a slow reader does at present
	broken bool // it can't be sent to: whatever is still there is to be read
	left   bool // it has said goodbye
}

// newLoop returns the loop for plain TCP connections.
func newLoop(c clock, w *window) (loop, error) {
	return &rawLoop{clock: c, meter: newMeter(w), receiver: sockets.NewReceiver(64<<10, c.now), slowReceiver: sockets.NewReceiver(slowLinkBytes, c.now), received: make([]sockets.Received, together)}, nil
}

func (p *rawLoop) metered() *meter     { return p.meter }
func (p *rawLoop) busy() time.Duration { return time.Duration(p.spent.Load()) }

// serve takes the connection's descriptor out of Go's poller: it is duplicated
// and conn is closed.
func (p *rawLoop) serve(l *connection, conn net.Conn, early []byte) {
	e := &rawLink{connection: l, early: append([]byte(nil), early...), born: p.clock.now(), loop: p, reads: true}
	fd, err := sockets.Detach(conn)
	if err != nil {
		l.ended <- ending{err: err}
		return
	}
	e.fd = fd
	l.out, l.meter = e, p.meter
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		unix.Close(fd)
		l.ended <- ending{err: context.Canceled}
		return
	}
	p.new = append(p.new, e)
}

func (p *rawLoop) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	published := int64(0)
	for ctx.Err() == nil {
		woke := p.receiver.ReadClock()
		p.slowReceiver.ReadClock()
		p.takeNew()
		p.playDue(woke)
		p.readDue(woke)
		if now := p.clock.now(); now-published > int64(time.Second) {
			p.meter.publish()
			published = now
		}
		rest := p.clock.now()
		p.spent.Add(rest - woke)
		sockets.Sleep(time.Duration(rest))
	}
	p.stop()
	return nil
}

// playDue sends the inputs that are due. They go before anything that has come:
// what is read late was noted by the kernel when it came, an input that is late
// is late.
func (p *rawLoop) playDue(now int64) {
	p.played = now
	p.queue.playDue(now)
	p.sendPosted()
}

// readDue reads every socket whose time has come.
func (p *rawLoop) readDue(now int64) {
	for _, number := range p.looks.Due(now) {
		e := p.links[number]
		if e.slow != "" && !e.broken {
			p.lookSlowly(e, now)
			continue
		}
		p.readers, p.fds = append(p.readers, e), append(p.fds, int32(e.fd))
		if len(p.readers) == together {
			p.readTogether()
		}
	}
	p.readTogether()
}

// readTogether reads those who have something, and sends what has become due
// meanwhile.
func (p *rawLoop) readTogether() {
	for readers, fds := p.readers, p.fds; len(readers) > 0; {
		n := p.receiver.ReceiveAll(fds, p.received)
		for i, e := range readers[:n] {
			p.took(e, &p.received[i])
		}
		readers, fds = readers[n:], fds[n:]
	}
	p.readers, p.fds = p.readers[:0], p.fds[:0]
	if now := p.clock.now(); now-p.played > int64(sockets.Interval) {
		p.receiver.ReadClock()
		p.playDue(now)
	}
}

func (p *rawLoop) takeNew() {
	p.mu.Lock()
	arrived := p.new
	p.new = nil
	p.mu.Unlock()
	for _, e := range arrived {
		if p.queue.add(e.connection); int(e.number) == len(p.links) {
			p.links = append(p.links, nil)
		}
		p.links[e.number] = e
		e.lookAt(p.receiver.Now())
		if end, open := e.receive(e.early, p.clock.now()); !open {
			p.release(e, end)
		}
		e.early = nil
	}
}

// slowLook is how often it is looked whether a slow reader reads.
const slowLook = int64(10 * time.Millisecond)

// lookSlowly reads at most once from a slow reader, and only when it reads.
func (p *rawLoop) lookSlowly(e *rawLink, now int64) {
	next, reads := now+slowLook, e.slow.reads(now-e.born)
	from := p.receiver
	switch {
	case e.slow == SlowLink:
		next, from = now+slowLinkInterval, p.slowReceiver
	case reads && !e.reads:
		e.resumeReading(now)
	case !reads && e.reads:
		p.meter.slow.pauses++
	}
	e.reads = reads
	p.looks.Set(e.number, next)
	if reads || e.slow == SlowLink {
		got := from.Receive(e.fd)
		p.take(e, &got)
	}
}

// took takes what was read from a link's socket, and reads on while there may be
// more.
func (p *rawLoop) took(e *rawLink, got *sockets.Received) {
	seen, every := e.tick, e.period*e.every
	e.overdue = p.receiver.Now()-e.look > every/2
	for more := p.take(e, got); more && p.links[e.number] == e; {
		*got = p.receiver.Receive(e.fd)
		more = p.take(e, got)
	}
	switch {
	case p.links[e.number] != e: // it is gone
	case e.tick != seen:
		e.lookAt(e.arrivals.Arrived(e.tickAt, every))
	default:
		e.lookAt(e.arrivals.Missed(p.receiver.Now(), every))
	}
}

// lookAt sets when the link is to be read.
func (e *rawLink) lookAt(t int64) {
	e.look = t
	e.loop.looks.Set(e.number, t)
}

// take takes what was read from a link's socket; it reports whether there may be
// more. A connection that is over is released.
func (p *rawLoop) take(e *rawLink, got *sockets.Received) (more bool) {
	switch {
	case got.Err == nil:
	case errors.Is(got.Err, unix.EAGAIN):
		return false
	case errors.Is(got.Err, unix.EINTR):
		return true
	default:
		p.release(e, ending{err: got.Err, over: e.over})
		return false
	}
	if end, open := e.receive(got.Data, got.At); !open {
		p.release(e, end)
		return false
	}
	return got.More
}

// release lets go of a link; its socket is closed.
func (p *rawLoop) release(e *rawLink, end ending) {
	p.queue.remove(e.connection)
	p.looks.Remove(e.number)
	p.links[e.number] = nil
	unix.Close(e.fd)
	e.ended <- end
}

// send writes a frame. What the socket does not take of it is kept until it
// does; frames that come meanwhile are dropped. A broken connection is reported
// by the next read.
func (e *rawLink) send(frame []byte) bool {
	if !e.idle() {
		return false
	}
	n, err := sockets.Send(e.fd, frame)
	if err != nil {
		return false
	}
	e.rest = append(e.rest, frame[n:]...)
	return true
}

// idle sends what is left of an earlier frame and reports whether nothing is.
func (e *rawLink) idle() bool {
	if len(e.rest) > 0 {
		n, err := sockets.Send(e.fd, e.rest)
		if err != nil {
			e.failed(err)
			return false
		}
		e.rest = append(e.rest[:0], e.rest[n:]...)
	}
	return len(e.rest) == 0
}

// failed notes why nothing could be sent. A connection that is broken is read
// soon, also by who does not read at present: that tells how it ended.
func (e *rawLink) failed(err error) {
	if !errors.Is(err, unix.EAGAIN) {
		e.broken = true
		e.loop.looks.Set(e.number, 0)
	}
}

// post leaves a frame to sendPosted.
func (e *rawLink) post(frame []byte) {
	p := e.loop
	if !e.idle() {
		p.meter.dropped++
		return
	}
	p.outbox.Add(e.fd, frame)
	p.senders = append(p.senders, e)
	if len(p.senders) == together {
		p.sendPosted()
	}
}

// sendPosted sends what was posted.
func (p *rawLoop) sendPosted() {
	p.outbox.Send()
	for i, e := range p.senders {
		rest, err := p.outbox.Sent(i)
		if err != nil {
			p.meter.dropped++
			e.failed(err)
		}
		e.rest = append(e.rest, rest...)
	}
	p.outbox.Clear()
	p.senders = p.senders[:0]
}
