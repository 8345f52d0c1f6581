//go:build linux

package sockets

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WriteBatch is frames that are sent to many sockets in one short loop: between two
// system calls a processor forgets most of what else it was at, so that making
// the frames in between costs more than making them all first.
type WriteBatch struct {
	buf     []byte
	writes []write
}

type write struct {
	fd       int32
	errno    syscall.Errno
	from, to int // in buf
	sent     int
}

// Add puts a frame for a socket into the outbox; its bytes are the caller's again
// when it returns.
func (o *WriteBatch) Add(fd int, frame []byte) {
	from := len(o.buf)
	o.buf = append(o.buf, frame...)
	o.writes = append(o.writes, write{fd: int32(fd), from: from, to: len(o.buf)})
}

// Len is the number of frames.
func (o *WriteBatch) Len() int { return len(o.writes) }

// Send sends them all; what became of each is in Sent.
func (o *WriteBatch) Send() {
	for i := range o.writes {
		l := &o.writes[i]
		l.sent, l.errno = send(int(l.fd), o.buf[l.from:l.to])
	}
}

// Sent is what the socket did not take of frame number i, valid until Clear, and
// why it took nothing.
func (o *WriteBatch) Sent(i int) (rest []byte, err error) {
	l := &o.writes[i]
	if l.errno != 0 {
		return nil, l.errno
	}
	return o.buf[l.from+l.sent : l.to], nil
}

// Clear empties the outbox.
func (o *WriteBatch) Clear() { o.buf, o.writes = o.buf[:0], o.writes[:0] }

// Send writes b to a socket and returns how much of it was taken.
func Send(fd int, b []byte) (int, error) {
	n, errno := send(fd, b)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

func send(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
