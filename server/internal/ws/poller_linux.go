package ws

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readyPerCall is how many connections one call to the kernel can report.
const readyPerCall = 128

// Poller watches connections whose players are silent, for the goroutine that
// drives them: one call a tick instead of one per connection. It is not safe
// for concurrent use.
type Poller struct {
	fd     int
	events [readyPerCall]unix.EpollEvent
}

// NewPoller makes an empty poller.
func NewPoller() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Poller{fd: fd}, nil
}

// Park watches a connection under a key until something can be read from it.
// It reports false for a connection that has to be polled.
func (p *Poller) Park(c Conn, key uint32) bool {
	s, ok := parkable(c)
	if !ok || s.poller != nil && s.poller != p {
		return false
	}
	op := unix.EPOLL_CTL_MOD
	if s.poller == nil {
		op = unix.EPOLL_CTL_ADD
	}
	// One shot: a connection that was reported rests in the set, silently,
	// until it is parked again, which saves taking it out.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(key)}
	if unix.EpollCtl(p.fd, op, s.fd, &event) != nil {
		return false
	}
	s.poller = p
	return true
}

// Unpark stops watching a connection. It is not needed for one that Ready
// reported, unless the connection goes to another poller.
func (p *Poller) Unpark(c Conn) {
	if s, ok := parkable(c); ok && s.poller == p {
		p.forget(s)
	}
}

func (p *Poller) forget(s *rawStream) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, s.fd, nil)
	s.poller = nil
}

// Ready appends the keys of connections that have something to read, or that
// the peer has closed; they are parked no longer. It does not wait.
func (p *Poller) Ready(keys []uint32) []uint32 {
	for {
		// RawSyscall for the same reason as in rawStream: with a timeout of 0
		// the call never waits.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), readyPerCall, 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return keys
		}
		for i := range p.events[:n] {
			keys = append(keys, uint32(p.events[i].Fd))
		}
		if n < readyPerCall {
			return keys
		}
	}
}

// Close releases the poller. Connections stay open.
func (p *Poller) Close() error {
	if p.fd < 0 {
		return nil
	}
	err := unix.Close(p.fd)
	p.fd = -1
	return os.NewSyscallError("close", err)
}

// parkable returns the descriptor behind a connection that is alive and holds
// no whole frame that a silent socket would never announce.
func parkable(c Conn) (*rawStream, bool) {
	wc, ok := c.(*conn)
	if !ok || wc.ended != nil || wc.unread {
		return nil, false
	}
	s, ok := wc.stream.(*rawStream)
	return s, ok
}
