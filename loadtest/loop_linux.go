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
	clock clock
	meter *meter
	queue queue
	links []*epollLink // by number; nil: free
	slow  []*epollLink
	free  []int32
	set   *sockets.Set
	spent atomic.Int64

	receiver *sockets.Receiver

	mu   sync.Mutex
	done bool
	new  []*epollLink // handed over, not yet served
}

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
}

// newLoop returns the loop for plain TCP connections.
func newLoop(c clock, w *window) (loop, error) {
	set, err := sockets.NewSet()
	if err != nil {
		return nil, err
	}
	return &epollLoop{clock: c, meter: newMeter(w), set: set, receiver: sockets.NewReceiver(64<<10, c.now)}, nil
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
		p.takeNew()
		if err := p.receiveAll(); err != nil {
			p.stop()
			return err
		}
		now := p.clock.now()
		p.queue.playDue(now, 0)
		p.burst(now)
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

// receiveAll reads every socket that something has arrived at.
func (p *epollLoop) receiveAll() error {
	for {
		ready, err := p.set.Ready()
		if err != nil {
			return err
		}
		for i := range ready {
			p.handle(&ready[i])
		}
		if !p.set.Full(ready) {
			return nil
		}
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
		if e.link.slow {
			p.slow = append(p.slow, e)
		}
		e.events = sockets.Edge
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

// burst turns reading on and off for slow readers.
func (p *epollLoop) burst(now int64) {
	for _, e := range p.slow {
		read := reads(now - e.born)
		if read == (e.events&unix.EPOLLIN != 0) {
			continue
		}
		events := e.events ^ unix.EPOLLIN
		if read {
			e.awake(now)
		} else {
			p.meter.slow.pauses++
		}
		e.watch(events)
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
	for more := true; more; {
		var data []byte
		var at int64
		var err error
		data, at, more, err = p.receiver.Receive(e.fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			more = true
			continue
		case err != nil:
			p.release(e, ending{err: err, over: e.over})
			return
		}
		if end, open := e.receive(data, at); !open {
			p.release(e, end)
			return
		}
	}
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
	if n < len(frame) {
		e.rest = append(e.rest, frame[n:]...)
		e.watch(e.events | unix.EPOLLOUT)
	}
	return true
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
