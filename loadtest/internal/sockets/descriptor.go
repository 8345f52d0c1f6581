//go:build linux

// Package sockets reads and writes many connections of one process through raw
// descriptors, on one thread and without allocations. A simulated client costs little
// but its system calls.
//
// No goroutine waits for a socket, and no poller watches one. On one machine both
// would be work for the server: a sender wakes the receiver that waits, and marks
// the socket that is watched. No server pays for this when its clients are
// elsewhere. Snapshots arrive once a tick, so that a socket can be read by the clock
// ([ArrivalEstimate]). A late read loses nothing, since the kernel notes when bytes
// arrived.
package sockets

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Interval is the time between two turns of an idle loop.
const Interval = time.Millisecond

// Sleep sleeps until the next multiple of [Interval] on the caller's clock, which is
// at now. It blocks the thread in the kernel: the caller should have locked it.
func Sleep(now time.Duration) {
	left := unix.NsecToTimespec(int64(Interval - now%Interval))
	// A signal may end the sleep early, which does no harm.
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &left, nil)
}

// Detach removes a TCP connection from Go's poller. It returns a duplicate of the
// descriptor, which stays non-blocking, and closes conn, also on failure.
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
	// Without this option the time of the read stands for that of the arrival.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	return fd, nil
}
