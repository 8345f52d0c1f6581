//go:build linux

package sockets

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WriteBatch collects frames for many sockets and writes them in one short loop of
// system calls. A system call evicts the program from the processor's caches, so
// that making all frames first costs less than making each before its call. The
// zero value is an empty batch. It is not safe for concurrent use.
type WriteBatch struct {
	buf    []byte
	writes []write
}

type write struct {
	fd       int32
	errno    syscall.Errno
	from, to int // in buf
	sent     int
}

// Add copies a frame for a socket into the batch.
func (b *WriteBatch) Add(fd int, frame []byte) {
	from := len(b.buf)
	b.buf = append(b.buf, frame...)
	b.writes = append(b.writes, write{fd: int32(fd), from: from, to: len(b.buf)})
}

// Len returns the number of frames.
func (b *WriteBatch) Len() int { return len(b.writes) }

// Flush writes all frames. Sent has the result of each.
func (b *WriteBatch) Flush() {
	for i := range b.writes {
		w := &b.writes[i]
		w.sent, w.errno = send(int(w.fd), b.buf[w.from:w.to])
	}
}

// Sent returns the bytes of frame i that its socket did not take, valid until Clear,
// and the error of a socket that took none.
func (b *WriteBatch) Sent(i int) (unsent []byte, err error) {
	w := &b.writes[i]
	if w.errno != 0 {
		return b.buf[w.from:w.to], w.errno
	}
	return b.buf[w.from+w.sent : w.to], nil
}

// Clear empties the batch.
func (b *WriteBatch) Clear() { b.buf, b.writes = b.buf[:0], b.writes[:0] }

// Send writes b to a socket and returns how many bytes the socket took.
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
