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
	now, wall int64 // the same moment on the loop's clock and on the system's clock, see ReadClock
	buf       []byte
	vector    unix.Iovec
	message   unix.Msghdr
	control   [8]uint64 // aligned as its contents are
}

// NewReceiver makes a receiver that takes so many bytes at a time, and tells
// arrivals in the nanoseconds of clock.
func NewReceiver(size int, clock func() int64) *Receiver {
	r := &Receiver{clock: clock, buf: make([]byte, size)}
	r.message.Iov = &r.vector
	r.message.SetIovlen(1)
	r.ReadClock()
	return r
}

// ReadClock notes what time it is, and returns it; to be called before sockets are
// read.
func (r *Receiver) ReadClock() int64 {
	r.now, r.wall = r.clock(), time.Now().UnixNano()
	return r.now
}

// Now is the time of the last ReadClock.
func (r *Receiver) Now() int64 { return r.now }

// Received is what came from a socket: its bytes, valid until the next call, when
// the last of them arrived at this machine, and whether there may be more. What
// came in the first milliseconds after the machine's first socket was detached may
// count as arrived when it was read: the kernel begins to note arrivals in the
// background. Err is io.EOF or an errno, EAGAIN among them.
type Received struct {
	Data []byte
	At   int64
	More bool
	Err  error
}

// Receive reads a socket that was [Detach]ed.
func (r *Receiver) Receive(fd int) Received { return r.receive(fd, r.buf) }

// ReceiveAll reads sockets, in one short loop (see [WriteBatch]), and sets what came
// from each. It returns how many it has read: at least one, and fewer than all
// where its memory did not suffice.
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
	// A call on a non-blocking socket returns at once; telling Go's scheduler of
	// each is a good part of what it would cost.
	n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), 0)
	switch {
	case errno != 0:
		return Received{Err: errno}
	case n == 0:
		return Received{Err: io.EOF}
	}
	return Received{Data: buf[:n], At: r.arrival(int(m.Controllen)), More: int(n) == len(buf)}
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
