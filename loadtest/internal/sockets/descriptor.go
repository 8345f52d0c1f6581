//go:build linux

// Package sockets is what the load tester's loops have in common below
// WebSocket: raw descriptors that are looked after by one thread, without
// allocating, so that what a client costs is its system calls.
//
// Nobody waits for a socket, and nobody watches one. Who sleeps until something
// arrives is woken by whoever sends it, and who has a socket watched has the
// sender note it: on one machine that is the server, which would pay for both in
// system time that no server anywhere else pays. What comes once a tick can be
// read when it has come (see [ArrivalEstimate]), and nothing is lost by reading it late: the
// kernel notes when bytes arrived.
package sockets

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Interval is the time between two looks at the clock, when the loop has time for
// more than that.
const Interval = time.Millisecond

// Sleep sleeps until the next moment of a look, which are whole Intervals on the
// caller's clock. The caller's thread should be locked: it blocks in the kernel.
func Sleep(now time.Duration) {
	left := unix.NsecToTimespec(int64(Interval - now%Interval))
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
