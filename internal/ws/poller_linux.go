package ws

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// readyPerCall is the most connections that one system call reports.
	readyPerCall = 128
	// wakeDelay is the pause after a report: clients that send one after the other
	// cause few wake-ups. The first message after a silence is not delayed.
	wakeDelay = 4 * time.Millisecond
)

// Poller watches connections whose clients are silent. All pollers of a process share
// one epoll set, so that one goroutine waits for the connections of all matches. Not
// safe for concurrent use; owned by the goroutine that runs the match.
type Poller struct {
	set     *watchSet // nil until the first is parked
	id      int32
	wake    func()
	watched int // connections in the set, parked or reported

	mu    sync.Mutex
	ready []uint32
}

// NewPoller makes an empty poller. It calls wake when Ready may return keys: at any
// time and on any goroutine. wake must not block.
func NewPoller(wake func()) *Poller { return &Poller{wake: wake} }

// Close releases the poller. Its connections remain open.
func (p *Poller) Close() error {
	if p.set == nil {
		return nil
	}
	sharedWatchSet.Lock()
	last := p.set.remove(p)
	if last {
		sharedWatchSet.set = nil
	}
	sharedWatchSet.Unlock()
	if last {
		return p.set.close()
	}
	return nil
}

// Park watches a connection under a key until it can be read. It reports false for a
// connection that can't be watched.
func (p *Poller) Park(c *Conn, key uint32) bool {
	s, ok := parkable(c)
	if !ok || s.poller != nil && s.poller != p {
		return false
	}
	if p.set == nil && p.join() != nil {
		return false
	}
	op := unix.EPOLL_CTL_MOD
	if s.poller == nil {
		op = unix.EPOLL_CTL_ADD
	}
	// One shot: a reported connection stays in the set, disabled, until it is parked
	// again. That saves removing it.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(key), Pad: p.id}
	if p.set.control(op, s.fd, &event) != nil {
		return false
	}
	if s.poller == nil {
		s.poller = p
		p.watched++
	}
	return true
}

// Unpark stops watching a connection. A connection that Ready returned needs it only
// before another poller parks it.
func (p *Poller) Unpark(c *Conn) {
	if s, ok := parkable(c); ok && s.poller == p {
		p.forget(s)
	}
}

func (p *Poller) forget(s *rawStream) {
	_ = p.set.control(unix.EPOLL_CTL_DEL, s.fd, nil)
	s.poller = nil
	p.watched--
}

// Ready appends the keys of connections that have data or were closed by the client.
// They are no longer parked. It may append the key of a connection that was just
// unparked. It does not block.
func (p *Poller) Ready(keys []uint32) []uint32 {
	if p.watched == 0 {
		return keys
	}
	p.set.collectReady()
	p.mu.Lock()
	defer p.mu.Unlock()
	keys = append(keys, p.ready...)
	p.ready = p.ready[:0]
	return keys
}

func (p *Poller) markReady(key uint32) {
	p.mu.Lock()
	p.ready = append(p.ready, key)
	p.mu.Unlock()
	p.wake()
}

// sharedWatchSet is the process's set; nil without a poller that needs it.
var sharedWatchSet struct {
	sync.Mutex
	set *watchSet
}

func (p *Poller) join() error {
	sharedWatchSet.Lock()
	defer sharedWatchSet.Unlock()
	if sharedWatchSet.set == nil {
		set, err := newWatchSet()
		if err != nil {
			return err
		}
		sharedWatchSet.set = set
	}
	p.set = sharedWatchSet.set
	p.set.add(p)
	return nil
}

// watchSet is an epoll set and the goroutine that waits for it. Go's poller watches the
// set itself, so that no thread blocks. It is safe for concurrent use.
type watchSet struct {
	file *os.File
	done chan struct{}

	mu      sync.Mutex
	fd      int // -1 when closed
	pollers map[int32]*Poller
	last    int32 // newest id
	events  [readyPerCall]unix.EpollEvent
}

func newWatchSet() (*watchSet, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // makes os.NewFile use Go's poller
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &watchSet{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, done: make(chan struct{}), pollers: map[int32]*Poller{}}
	raw, err := w.file.SyscallConn()
	if err != nil {
		_ = w.file.Close()
		return nil, err
	}
	go w.watch(raw)
	return w, nil
}

// watch waits for events and marks their connections as ready, until the set is
// closed.
func (w *watchSet) watch(raw syscall.RawConn) {
	defer close(w.done)
	for raw.Read(func(uintptr) bool { return w.collectReady() }) == nil {
		time.Sleep(wakeDelay)
	}
}

// collectReady marks the connections that the kernel reports as ready. It does not
// block.
func (w *watchSet) collectReady() (found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		// RawSyscall for the same reason as in rawStream: with a timeout of 0 the
		// call never blocks.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(w.fd), uintptr(unsafe.Pointer(&w.events[0])), readyPerCall, 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return found
		}
		for i := range w.events[:n] {
			found = true
			if p := w.pollers[w.events[i].Pad]; p != nil {
				p.markReady(uint32(w.events[i].Fd))
			}
		}
		if n < readyPerCall {
			return found
		}
	}
}

func (w *watchSet) control(op, fd int, event *unix.EpollEvent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return unix.EpollCtl(w.fd, op, fd, event)
}

// add gives a poller its id. Ids are unique, because a connection may outlive its
// poller in the set.
func (w *watchSet) add(p *Poller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	p.id = w.last
	w.pollers[p.id] = p
}

// remove removes a poller and reports whether it was the last one.
func (w *watchSet) remove(p *Poller) (last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pollers[p.id] != p {
		return false
	}
	delete(w.pollers, p.id)
	return len(w.pollers) == 0
}

func (w *watchSet) close() error {
	w.mu.Lock()
	w.fd = -1
	w.mu.Unlock()
	err := w.file.Close()
	<-w.done
	return err
}

// parkable returns the raw stream of an open connection, unless the connection keeps a
// whole frame or a whole record of TLS: the silent socket would never report it.
func parkable(c *Conn) (*rawStream, bool) {
	if c.ended != nil || c.unread || c.records != nil && c.records.Buffered() {
		return nil, false
	}
	s := rawOf(c.stream)
	return s, s != nil
}
