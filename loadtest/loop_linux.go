package loadtest

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tactus/loadtest/internal/sockets"
)

// epollLoop serves links as raw non-blocking descriptors in one epoll set, by
// one thread and without allocating: what a bot costs is its system calls.
type epollLoop struct {
	clock  clock
	meter  *meter
	queue  queue
	links  []*epollLink // by number; nil: free
	slow   []*epollLink
	free   []int32
	set    *sockets.Set
	spent  atomic.Int64
	played int64 // when inputs were sent last

	receiver *sockets.Receiver
	sips     *sockets.Receiver // for slow links
	outbox   sockets.Outbox
	senders  []*epollLink // by their frame in the outbox
	readers  []*epollLink // whose sockets are read together
	fds      []int32      // theirs
	received []sockets.Received

	mu   sync.Mutex
	done bool
	new  []*epollLink // handed over, not yet served
}

// together is how many sockets are written or read in one go.
const together = 64

// epollLink is a link's descriptor and its way out.
type epollLink struct {
	*link
	loop   *epollLoop
	fd     int
	number int32
	events uint32 // what epoll is asked for
	rest   []byte // of a frame that the socket took in part
	early  []byte // read before the hand-over
	born   int64
	sip    int64 // when it reads next, behind a slow link
}

// newLoop returns the loop for plain TCP connections.
func newLoop(c clock, w *window) (loop, error) {
	set, err := sockets.NewSet()
	if err != nil {
		return nil, err
	}
	return &epollLoop{clock: c, meter: newMeter(w), set: set, receiver: sockets.NewReceiver(64<<10, c.now), sips: sockets.NewReceiver(sipSize, c.now), received: make([]sockets.Received, together)}, nil
}

func (p *epollLoop) metered() *meter     { return p.meter }
func (p *epollLoop) busy() time.Duration { return time.Duration(p.spent.Load()) }

// serve takes the connection's descriptor out of Go's poller: it is duplicated
// and conn is closed.
func (p *epollLoop) serve(l *link, conn net.Conn, early []byte) {
	e := &epollLink{link: l, early: append([]byte(nil), early...), born: p.clock.now(), loop: p}
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

func (p *epollLoop) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer p.set.Close()
	published := int64(0)
	for ctx.Err() == nil {
		woke := p.receiver.Look()
		p.sips.Look()
		p.takeNew()
		p.playDue(woke)
		if err := p.receiveAll(); err != nil {
			p.stop()
			return err
		}
		now := p.clock.now()
		p.slowly(now)
		if now-published > int64(time.Second) {
			p.meter.publish()
			published = now
		}
		rest := p.clock.now()
		p.spent.Add(rest - woke)
		sockets.Rest(time.Duration(rest))
	}
	p.stop()
	return nil
}

// playDue sends the inputs that are due. They go before anything that has come:
// what is read late was noted by the kernel when it came, an input that is late
// is late.
func (p *epollLoop) playDue(now int64) {
	p.played = now
	p.queue.playDue(now, 0)
	p.sendPosted()
}

// receiveAll reads every socket that something has arrived at.
func (p *epollLoop) receiveAll() error {
	for {
		ready, err := p.set.Ready()
		if err != nil {
			return err
		}
		for i := range ready {
			p.handle(&ready[i])
			if len(p.readers) == together {
				p.readTogether()
			}
		}
		p.readTogether()
		if !p.set.Full(ready) {
			return nil
		}
	}
}

// readTogether reads those who have something, and sends what has become due
// meanwhile.
func (p *epollLoop) readTogether() {
	for readers, fds := p.readers, p.fds; len(readers) > 0; {
		n := p.receiver.ReceiveAll(fds, p.received)
		for i, e := range readers[:n] {
			p.took(e, &p.received[i])
		}
		readers, fds = readers[n:], fds[n:]
	}
	p.readers, p.fds = p.readers[:0], p.fds[:0]
	if now := p.clock.now(); now-p.played > int64(sockets.Step) {
		p.receiver.Look()
		p.playDue(now)
	}
}

func (p *epollLoop) takeNew() {
	p.mu.Lock()
	arrived := p.new
	p.new = nil
	p.mu.Unlock()
	for _, e := range arrived {
		if n := len(p.free); n > 0 {
			e.number = p.free[n-1]
			p.free = p.free[:n-1]
			p.links[e.number] = e
		} else {
			e.number = int32(len(p.links))
			p.links = append(p.links, e)
		}
		p.queue.add(e.link)
		if e.link.slow != "" {
			p.slow = append(p.slow, e)
		}
		e.events = sockets.Edge
		if e.slow != "" && !e.slow.reads(0) {
			e.events &^= unix.EPOLLIN
			p.meter.slow.pauses++
		}
		if err := p.set.Add(e.fd, e.number, e.events); err != nil {
			p.release(e, ending{err: err})
			continue
		}
		if end, open := e.receive(e.early, p.clock.now()); !open {
			p.release(e, end)
		}
		e.early = nil
	}
}

// slowly turns reading on and off for slow readers, and reads a little for those
// behind slow links.
func (p *epollLoop) slowly(now int64) {
	for i := 0; i < len(p.slow); i++ {
		e := p.slow[i]
		read := e.slow.reads(now - e.born)
		switch {
		case read == (e.events&unix.EPOLLIN != 0):
		case read:
			e.awake(now)
			e.watch(e.events | unix.EPOLLIN)
		default:
			p.meter.slow.pauses++
			e.watch(e.events &^ unix.EPOLLIN)
		}
		if e.slow == SlowLink && now >= e.sip {
			e.sip = now + sipEvery
			sip := p.sips.Receive(e.fd)
			if p.take(e, &sip); p.links[e.number] != e {
				i-- // it is gone
			}
		}
	}
}

// watch changes what is reported of the link. It is not asked for again what is
// there already, so that nothing can go wrong with it.
func (e *epollLink) watch(events uint32) {
	e.events = events
	_ = e.loop.set.Change(e.fd, e.number, events)
}

func (p *epollLoop) handle(event *unix.EpollEvent) {
	e := p.links[event.Fd]
	if e == nil {
		return // released earlier in the same batch
	}
	if event.Events&unix.EPOLLOUT != 0 {
		e.flush()
	}
	if event.Events&^unix.EPOLLOUT == 0 {
		return
	}
	p.readers, p.fds = append(p.readers, e), append(p.fds, int32(e.fd))
}

// took takes what was read from a link's socket, and reads on while there may be
// more.
func (p *epollLoop) took(e *epollLink, got *sockets.Received) {
	for more := p.take(e, got); more && p.links[e.number] == e; {
		next := p.receiver.Receive(e.fd)
		more = p.take(e, &next)
	}
}

// take takes what was read from a link's socket; it reports whether there may be
// more. A connection that is over is released.
func (p *epollLoop) take(e *epollLink, got *sockets.Received) (more bool) {
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
func (p *epollLoop) release(e *epollLink, end ending) {
	p.queue.remove(e.link)
	p.slow = slices.DeleteFunc(p.slow, func(s *epollLink) bool { return s == e })
	p.links[e.number] = nil
	p.free = append(p.free, e.number)
	unix.Close(e.fd)
	e.ended <- end
}

func (p *epollLoop) stop() {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.takeNew()
	for _, e := range p.links {
		if e != nil {
			e.leave()
			p.release(e, ending{err: context.Canceled})
		}
	}
}

// send writes a frame. What the socket does not take of it is kept until it
// does; frames that come meanwhile are dropped. A broken connection is reported
// by the next read.
func (e *epollLink) send(frame []byte) bool {
	if len(e.rest) > 0 {
		return false
	}
	n, err := sockets.Send(e.fd, frame)
	if err != nil {
		return false
	}
	e.keep(frame[n:])
	return true
}

// keep holds the rest of a frame until the socket takes it.
func (e *epollLink) keep(rest []byte) {
	if len(rest) > 0 {
		e.rest = append(e.rest, rest...)
		e.watch(e.events | unix.EPOLLOUT)
	}
}

// post leaves a frame to sendPosted.
func (e *epollLink) post(frame []byte) {
	p := e.loop
	if len(e.rest) > 0 {
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
func (p *epollLoop) sendPosted() {
	p.outbox.Send()
	for i, e := range p.senders {
		rest, err := p.outbox.Sent(i)
		if err != nil {
			p.meter.dropped++
		}
		e.keep(rest)
	}
	p.outbox.Clear()
	p.senders = p.senders[:0]
}

func (e *epollLink) flush() {
	n, err := sockets.Send(e.fd, e.rest)
	if err != nil {
		return
	}
	e.rest = append(e.rest[:0], e.rest[n:]...)
	if len(e.rest) == 0 {
		e.watch(e.events &^ unix.EPOLLOUT)
	}
}
