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
	// readyPerCall is how many connections one call to the kernel can report.
	readyPerCall = 128
	// wakeDelay is the pause after a report, so that many who speak in turns
	// cost few wake-ups. Who speaks after a while of silence is not kept waiting.
	wakeDelay = 4 * time.Millisecond
)

// Poller watches connections whose players are silent, for the goroutine that
// drives them; but for what is said of wake, it is that goroutine's alone. All
// pollers of a process share one epoll set, so that the sleepers of many matches
// wait in one place and nobody has to ask for them.
type Poller struct {
	set     *watchSet // nil until the first is parked
	id      int32
	wake    func()
	watched int // connections in the set, silent or not

	mu    sync.Mutex
	ready []uint32
}

// NewPoller makes an empty poller. wake is called when Ready has something to
// tell: at any time, by any goroutine, perhaps in vain. It must not wait.
func NewPoller(wake func()) *Poller { return &Poller{wake: wake} }

// Close releases the poller. Connections stay open.
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

// Park watches a connection under a key until something can be read from it.
// It reports false for a connection that has to be polled.
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
	// One shot: a connection that was reported rests in the set, silently,
	// until it is parked again, which saves taking it out.
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

// Unpark stops watching a connection. It is not needed for one that Ready
// reported, unless the connection goes to another poller.
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

// Ready appends the keys of connections that have something to read, or that
// the peer has closed; they are parked no longer. A key may be told in vain when
// its connection was just unparked. It does not wait.
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

// sharedWatchSet is the process's set, while there are pollers that need it.
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

// watchSet is an epoll set and the goroutine that waits for it. The set itself is
// watched by Go's poller, so that the waiting takes no thread.
type watchSet struct {
	file *os.File
	done chan struct{}

	mu      sync.Mutex
	fd      int // -1 when closed
	pollers map[int32]*Poller
	last    int32 // id given last
	events  [readyPerCall]unix.EpollEvent
}

func newWatchSet() (*watchSet, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // tells os.NewFile to use Go's poller
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

// watch waits until something comes, and tells whose it is, until the set is
// closed.
func (w *watchSet) watch(raw syscall.RawConn) {
	defer close(w.done)
	for raw.Read(func(uintptr) bool { return w.collectReady() }) == nil {
		time.Sleep(wakeDelay)
	}
}

// collectReady asks the kernel who is ready, and tells the pollers. It does not wait.
func (w *watchSet) collectReady() (found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		// RawSyscall for the same reason as in rawStream: with a timeout of 0
		// the call never waits.
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

// add gives a poller its id. None is used again: a connection may outlive its
// poller in the set.
func (w *watchSet) add(p *Poller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	p.id = w.last
	w.pollers[p.id] = p
}

// remove reports whether the set has lost its last poller just now.
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

// parkable returns the descriptor behind a connection that is alive and holds
// no whole frame that a silent socket would never announce.
func parkable(c *Conn) (*rawStream, bool) {
	if c.ended != nil || c.unread {
		return nil, false
	}
	s, ok := c.stream.(*rawStream)
	return s, ok
}
