package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
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
	set   int
	buf   []byte
	spent atomic.Int64

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
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &epollLoop{clock: c, meter: newMeter(w), set: set, buf: make([]byte, 64<<10)}, nil
}

func (p *epollLoop) metered() *meter     { return p.meter }
func (p *epollLoop) busy() time.Duration { return time.Duration(p.spent.Load()) }

// serve takes the connection's descriptor out of Go's poller: it is duplicated
// and conn is closed.
func (p *epollLoop) serve(l *link, conn net.Conn, early []byte) {
	e := &epollLink{link: l, early: append([]byte(nil), early...), born: p.clock.now(), loop: p}
	fd, err := detach(conn)
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

// detach duplicates the connection's descriptor, which stays non-blocking, and
// closes the connection.
func detach(conn net.Conn) (int, error) {
	defer conn.Close()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return -1, fmt.Errorf("no descriptor in a %T", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return -1, err
	}
	return fd, dupErr
}

// longestWait bounds how long the loop sleeps, and with it how long a new link
// waits to be served.
const longestWait = 5 * time.Millisecond

func (p *epollLoop) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer unix.Close(p.set)
	events := make([]unix.EpollEvent, 512)
	published := int64(0)
	for ctx.Err() == nil {
		p.takeNew()
		now := p.clock.now()
		next := p.queue.playDue(now, now+int64(longestWait))
		p.burst(now)
		if now-published > int64(time.Second) {
			p.meter.publish()
			published = now
		}
		slept := p.clock.now()
		p.spent.Add(slept - now)
		n, err := unix.EpollWait(p.set, events, millis(next-slept))
		if err != nil && !errors.Is(err, unix.EINTR) {
			p.stop()
			return fmt.Errorf("epoll: %w", err)
		}
		woke := p.clock.now()
		for i := range max(n, 0) {
			p.handle(&events[i])
		}
		p.spent.Add(p.clock.now() - woke)
	}
	p.stop()
	return nil
}

// millis rounds a wait up, so that inputs that are due within the same
// millisecond are sent in one go instead of each waking the loop.
func millis(ns int64) int {
	ns = min(max(ns, 0), int64(longestWait))
	return int((ns + int64(time.Millisecond) - 1) / int64(time.Millisecond))
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
		if err := e.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN|unix.EPOLLET); err != nil {
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
		_ = e.watch(unix.EPOLL_CTL_MOD, events)
	}
}

// watch sets what epoll reports of the link, once each time that something comes:
// to look again at each socket whether it has been emptied is a call in vain for
// every snapshot. It can fail for a new link only.
func (e *epollLink) watch(op int, events uint32) error {
	e.events = events
	return unix.EpollCtl(e.loop.set, op, e.fd, &unix.EpollEvent{Events: events, Fd: e.number})
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
	for {
		n, err := receive(e.fd, p.buf)
		now := p.clock.now()
		switch {
		case err == nil && n == 0:
			err = io.EOF
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		}
		if err != nil {
			p.release(e, ending{err: err, over: e.over})
			return
		}
		if end, open := e.receive(p.buf[:n], now); !open {
			p.release(e, end)
			return
		}
		if n < len(p.buf) {
			return // what comes from now on is reported again
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
	n, err := transmit(e.fd, frame)
	if err != nil {
		return false
	}
	if n < len(frame) {
		e.rest = append(e.rest, frame[n:]...)
		_ = e.watch(unix.EPOLL_CTL_MOD, e.events|unix.EPOLLOUT)
	}
	return true
}

func (e *epollLink) flush() {
	n, err := transmit(e.fd, e.rest)
	if err != nil {
		return
	}
	e.rest = append(e.rest[:0], e.rest[n:]...)
	if len(e.rest) == 0 {
		_ = e.watch(unix.EPOLL_CTL_MOD, e.events&^unix.EPOLLOUT)
	}
}

// receive and transmit use RawSyscall: a call on a non-blocking socket returns at
// once, and telling Go's scheduler of each is a good part of what it costs. recv
// and send pass by the layer of files, which read and write go through.
func receive(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func transmit(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
