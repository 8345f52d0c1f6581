//go:build linux

package sockets

import (
	"io"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receiver reads sockets, one after the other, into memory of its own.
type Receiver struct {
	clock     func() int64
	now, wall int64 // the same moment on the loop's clock and on the system's clock, see Look
	buf       []byte
	vector    unix.Iovec
	message   unix.Msghdr
	control   [8]uint64 // aligned as its contents are
}

// NewReceiver makes a receiver that takes so many bytes at a time, and tells
// arrivals in the nanoseconds of clock.
func NewReceiver(size int, clock func() int64) *Receiver {
	r := &Receiver{clock: clock, buf: make([]byte, size)}
	r.vector.Base = &r.buf[0]
	r.vector.SetLen(size)
	r.message.Iov = &r.vector
	r.message.SetIovlen(1)
	r.Look()
	return r
}

// Look notes what time it is, and returns it; to be called before sockets are
// read.
func (r *Receiver) Look() int64 {
	r.now, r.wall = r.clock(), time.Now().UnixNano()
	return r.now
}

// Receive reads a socket that was [Detach]ed. It returns the bytes, valid until
// the next call, when the last of them arrived at this machine, and whether there
// may be more. What came in the first milliseconds after the machine's first
// socket was detached may count as arrived when it was read: the kernel begins
// to note arrivals in the background. Its errors are io.EOF and errnos, EAGAIN
// among them.
func (r *Receiver) Receive(fd int) (data []byte, at int64, more bool, err error) {
	m := &r.message
	m.Control = (*byte)(unsafe.Pointer(&r.control))
	m.SetControllen(int(unsafe.Sizeof(r.control)))
	// A call on a non-blocking socket returns at once; telling Go's scheduler of
	// each is a good part of what it would cost.
	n, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), 0)
	switch {
	case errno != 0:
		return nil, 0, false, errno
	case n == 0:
		return nil, 0, false, io.EOF
	}
	return r.buf[:n], r.arrival(int(m.Controllen)), int(n) == len(r.buf), nil
}

// arrival reads the time from the control message, if there is one, see
// socket(7).
func (r *Receiver) arrival(length int) int64 {
	head := (*unix.Cmsghdr)(unsafe.Pointer(&r.control))
	const size = unix.SizeofCmsghdr + int(unsafe.Sizeof(unix.Timespec{}))
	if length < size || head.Level != unix.SOL_SOCKET || head.Type != unix.SCM_TIMESTAMPNS {
		return r.clock()
	}
	stamp := (*unix.Timespec)(unsafe.Add(unsafe.Pointer(head), unix.SizeofCmsghdr))
	return r.now + stamp.Nano() - r.wall
}

// Send writes b to a socket and returns how much of it was taken.
func Send(fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
