//go:build linux

// Package sockets is what the load tester's loops have in common below
// WebSocket: raw descriptors that are looked after by one thread, without
// allocating, so that what a client costs is its system calls.
//
// A loop sleeps by the clock and never for a socket. Who sleeps until something
// arrives is woken by whoever sends it: on one machine that is the server, which
// would pay for each nap of its load tester in system time that no server
// anywhere else pays. Nothing is lost by it: the kernel notes when bytes arrived.
package sockets

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Step is the time between two looks at the sockets, when the loop has time for
// more than that.
const Step = time.Millisecond

// Set is an epoll set that is asked, at fixed moments, what has arrived.
type Set struct {
	fd     int
	events []unix.EpollEvent
}

// NewSet makes a set. It has to be closed.
func NewSet() (*Set, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &Set{fd: fd, events: make([]unix.EpollEvent, 1024)}, nil
}

// Close releases the set; the sockets in it stay open.
func (s *Set) Close() { unix.Close(s.fd) }

// Edge reports what arrives once, and not again until more does.
const Edge = unix.EPOLLIN | unix.EPOLLET

// Add watches a socket for events; Ready reports it by its number.
func (s *Set) Add(fd int, number int32, events uint32) error {
	return s.control(unix.EPOLL_CTL_ADD, fd, number, events)
}

// Change watches a socket that was added for other events.
func (s *Set) Change(fd int, number int32, events uint32) error {
	return s.control(unix.EPOLL_CTL_MOD, fd, number, events)
}

func (s *Set) control(op, fd int, number int32, events uint32) error {
	if err := unix.EpollCtl(s.fd, op, fd, &unix.EpollEvent{Events: events, Fd: number}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// Ready returns what has happened, without waiting: Fd is a socket's number. It
// is valid until the next call.
func (s *Set) Ready() ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(s.fd, s.events, 0)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return s.events[:max(n, 0)], nil
}

// Full reports whether there may be more than was returned.
func (s *Set) Full(ready []unix.EpollEvent) bool { return len(ready) == len(s.events) }

// Rest sleeps until the next moment of a look, which are whole Steps on the
// caller's clock. The caller's thread should be locked: it blocks in the kernel.
func Rest(now time.Duration) {
	left := unix.NsecToTimespec(int64(Step - now%Step))
	// A signal may end it early, which does no harm.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &left, nil)
}

// Detach takes the connection's descriptor, which stays non-blocking, out of
// Go's poller: it is duplicated, and conn is closed.
func Detach(conn net.Conn) (int, error) {
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
	if dupErr != nil {
		return -1, dupErr
	}
	// Where this can't be had, the time of reading stands for that of arrival.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	return fd, nil
}
