//go:build linux

package sockets

import (
	"io"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Receiver reads sockets, one after the other, into a buffer of its own. It is not
// safe for concurrent use.
type Receiver struct {
	clock     func() int64
	now, wall int64 // the same moment on the caller's clock and on the system's
	buf       []byte
	vector    unix.Iovec
	message   unix.Msghdr
	control   [8]uint64 // aligned as its contents are
}

// NewReceiver returns a receiver that reads up to size bytes at a time. It reports
// arrivals in the nanoseconds of clock.
func NewReceiver(size int, clock func() int64) *Receiver {
	r := &Receiver{clock: clock, buf: make([]byte, size)}
	r.message.Iov = &r.vector
	r.message.SetIovlen(1)
	r.ReadClock()
	return r
}

// ReadClock reads the clock and returns the time. Call it before sockets are read:
// arrivals are converted by it.
func (r *Receiver) ReadClock() int64 {
	r.now, r.wall = r.clock(), time.Now().UnixNano()
	return r.now
}

// Now returns the time of the last ReadClock.
func (r *Receiver) Now() int64 { return r.now }

// Received is the result of reading a socket.
type Received struct {
	Data []byte // valid until the next read
	// At is when the last byte arrived at this machine. Within milliseconds of the
	// machine's first Detach it may be the time of the read: the kernel starts to note
	// arrivals in the background.
	At   int64
	More bool  // there may be more to read
	Err  error // io.EOF, or an errno such as EAGAIN
}

// Receive reads a socket that was [Detach]ed.
func (r *Receiver) Receive(fd int) Received { return r.receive(fd, r.buf) }

// ReceiveUpTo reads at most size bytes from a socket.
func (r *Receiver) ReceiveUpTo(fd, size int) Received { return r.receive(fd, r.buf[:size]) }

// ReceiveAll reads sockets in one short loop (see [WriteBatch]) and sets the result
// of each. It returns how many it has read: at least one, and fewer than all when
// its buffer is full.
func (r *Receiver) ReceiveAll(fds []int32, got []Received) (read int) {
	room := r.buf
	for i, fd := range fds {
		if i > 0 && len(room) < len(r.buf)/8 {
			return i
		}
		got[i] = r.receive(int(fd), room)
		room = room[len(got[i].Data):]
	}
	return len(fds)
}

func (r *Receiver) receive(fd int, buf []byte) Received {
	r.vector.Base = unsafe.SliceData(buf)
	r.vector.SetLen(len(buf))
	m := &r.message
	m.Control = (*byte)(unsafe.Pointer(&r.control))
	m.SetControllen(int(unsafe.Sizeof(r.control)))
	// A call on a non-blocking socket does not block, so that Go's scheduler need not
	// know of it. Informing it is a good part of what the call would cost.
	n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), 0)
	switch {
	case errno != 0:
		return Received{Err: errno}
	case n == 0:
		return Received{Err: io.EOF}
	}
	return Received{Data: buf[:n], At: r.arrival(int(m.Controllen)), More: int(n) == len(buf)}
}

// arrival returns the time in the control message (socket(7)), or now without one.
func (r *Receiver) arrival(length int) int64 {
	head := (*unix.Cmsghdr)(unsafe.Pointer(&r.control))
	const size = unix.SizeofCmsghdr + int(unsafe.Sizeof(unix.Timespec{}))
	if length < size || head.Level != unix.SOL_SOCKET || head.Type != unix.SCM_TIMESTAMPNS {
		return r.clock()
	}
	stamp := (*unix.Timespec)(unsafe.Add(unsafe.Pointer(head), unix.SizeofCmsghdr))
	return r.now + stamp.Nano() - r.wall
}
