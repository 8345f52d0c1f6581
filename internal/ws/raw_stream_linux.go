package ws

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tactus/internal/rawtls"
)

const rawStreams = true

// rawStream is a non-blocking descriptor outside Go's poller. Not safe for concurrent
// use; owned by its Conn.
type rawStream struct {
	fd     int
	poller *Poller // that watches the descriptor; nil: none
	unsent *unsent // what the kernel did not accept; nil: nothing
	work   *closers
	closed func() // is called when the descriptor is closed; nil: nothing is
	// closing is 1 while fd changes, or while another goroutine than the owner uses it;
	// see hold. Streams are copied as they are made, so that it is no mutex.
	closing uint32
}

// unsent is the end of a frame, from byte number sent on.
type unsent struct {
	b    []byte // see keepBytes
	sent int
	// answers is how much of it the TLS layer wrote by itself.
	answers int
}

// newRawConn takes the connection's descriptor, and that of TLS on it; nil: it is plain.
//
// closed is called when the descriptor is closed, unless newRawConn returns an error.
func newRawConn(tcp *net.TCPConn, secure *tls.Conn, maxMessage int, work *closers, closed func()) (*Conn, error) {
	fd, err := takeDescriptor(tcp)
	if err != nil {
		return nil, err
	}
	limitUnsent(fd)
	raw := rawStream{fd: fd, work: work, closed: closed}
	if secure != nil {
		records, err := rawtls.Detach(secure)
		if err != nil {
			_ = unix.Close(fd)
			return nil, err
		}
		return newTLSConn(raw, records, maxMessage), nil
	}
	// One allocation: every tick needs both parts.
	c := &struct {
		Conn
		raw rawStream
	}{raw: raw}
	c.Conn = *NewConn(&c.raw, maxMessage)
	c.fd = int32(fd)
	return &c.Conn, nil
}

// takeDescriptor duplicates a connection's descriptor and closes the connection, which
// removes the descriptor from Go's poller. The duplicate keeps the connection open. It
// remains non-blocking, because that mode belongs to the open file, not to the
// descriptor.
func takeDescriptor(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return -1, os.NewSyscallError("dup", err)
	}
	if err := tcp.Close(); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// The system calls here are RawSyscalls: a call on a non-blocking descriptor returns
// without a wait, so Go's scheduler need not give this thread's processor away. That
// costs more than many of the calls. recvfrom and sendto bypass the layer of files.

func (s *rawStream) Read(b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if errno != 0 || n == 0 {
		return 0, recvError(errno)
	}
	return int(n), nil
}

// readLoop reads every descriptor into buf, the bytes of one connection after those of
// another. No other work is done between two calls.
func readLoop(visits []visit, buf []byte) {
	for i := range visits {
		v := &visits[i]
		if !v.inLoop {
			continue
		}
		if len(buf) < packedShare {
			v.inLoop = false
			continue
		}
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(v.conn.fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(min(len(buf), readSize)), 0, 0, 0)
		if errno != 0 || n == 0 {
			v.err = recvError(errno)
			continue
		}
		v.b = buf[:n:n]
		buf = buf[n:]
	}
}

// recvError is the error of a recvfrom without data; nil: none has arrived yet.
func recvError(errno syscall.Errno) error {
	switch errno {
	case 0:
		return io.EOF
	case syscall.EAGAIN, syscall.EINTR:
		return nil
	default:
		return os.NewSyscallError("read", errno)
	}
}

// unsentLimit is the most unsent bytes in the kernel for a client that receives slowly.
// Beyond it the socket accepts nothing. The next snapshot is encoded when it accepts
// data again: from the newest state, not from one that is seconds old.
const unsentLimit = 1 << 10

// limitUnsent is best effort, like limitSendBuffer.
func limitUnsent(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
}

// sendFlags: with MSG_NOSIGNAL a closed peer is an error and no signal. MSG_EOR enforces
// unsentLimit: the kernel checks it for each segment that it begins. Without the flag
// it appends small frames to the last segment, up to 64 KiB.
const sendFlags = syscall.MSG_NOSIGNAL | syscall.MSG_EOR

// write returns how many bytes the kernel accepted, 0 if it is full.
func (s *rawStream) write(b []byte) (int, error) { return send(s.fd, b) }

func send(fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), sendFlags, 0, 0)
		switch {
		case errno == 0:
			return int(n), nil
		case errno == syscall.EAGAIN:
			return 0, nil
		case errno != syscall.EINTR:
			return 0, os.NewSyscallError("write", errno)
		}
	}
}

func (s *rawStream) Send(b []byte) error {
	n, err := s.write(b)
	if err == nil && n < len(b) {
		keepUnsent(s, b[n:])
	}
	return err
}

// keepUnsent makes a raw stream keep what the kernel did not accept.
func keepUnsent(s Stream, b []byte) { rawOf(s).unsent = &unsent{b: keepBytes(nil, b)} }

// rawOf returns the raw stream that a stream is or has, nil for others.
func rawOf(s Stream) *rawStream {
	switch s := s.(type) {
	case *rawStream:
		return s
	case *tlsStream:
		return &s.rawStream
	default:
		return nil
	}
}

// writeLoop writes frames to descriptors. No other work is done between two calls.
func writeLoop(writes []write) {
	for i := range writes {
		if w := &writes[i]; w.inLoop {
			w.taken, w.err = send(w.fd, w.b)
		}
	}
}

func (s *rawStream) Flush() (progress bool, err error) {
	r := s.unsent
	n, err := s.write(r.b[r.sent:])
	if err != nil {
		return false, err
	}
	if r.sent += n; r.sent == len(r.b) {
		s.dropUnsent()
	}
	return n > 0, nil
}

// RoundTrip reads the kernel's measurement of the connection.
func (s *rawStream) RoundTrip() (rtt, deviation time.Duration, ok bool) { return roundTrip(s.fd) }

func roundTrip(fd int) (rtt, deviation time.Duration, ok bool) {
	var info unix.TCPInfo
	size := uint32(unsafe.Offsetof(info.Rttvar) + unsafe.Sizeof(info.Rttvar))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || info.Rtt == 0 {
		return 0, 0, false
	}
	return time.Duration(info.Rtt) * time.Microsecond, time.Duration(info.Rttvar) * time.Microsecond, true
}

func (s *rawStream) dropUnsent() {
	if s.unsent != nil {
		releaseBuffer(s.unsent.b)
		s.unsent = nil
	}
}

func (s *rawStream) Pending() bool { return s.unsent != nil }

func (s *rawStream) Shutdown(lastFrame []byte) {
	if s.poller != nil {
		s.poller.forget(s)
	}
	s.hold()
	fd := s.fd
	s.fd = -1
	s.letGo()
	ok := s.writeLast(fd, lastFrame)
	s.dropUnsent()
	if !ok || unix.Shutdown(fd, unix.SHUT_WR) != nil {
		s.closeDescriptor(fd)
		return
	}
	if s.work.lingering.Add(1) > maxLingering {
		s.work.lingering.Add(-1)
		s.closeDescriptor(fd)
		return
	}
	s.work.Go(func() {
		lingerRaw(fd)
		s.work.lingering.Add(-1)
		s.ended()
	})
}

func (s *rawStream) closeDescriptor(fd int) {
	_ = unix.Close(fd)
	s.ended()
}

func (s *rawStream) ended() {
	if s.closed != nil {
		s.closed()
	}
}

// hold waits until no other goroutine uses the descriptor or releases it, which takes
// microseconds.
func (s *rawStream) hold() {
	for !atomic.CompareAndSwapUint32(&s.closing, 0, 1) {
		runtime.Gosched()
	}
}

func (s *rawStream) letGo() { atomic.StoreUint32(&s.closing, 0) }

// Abort may send the frame behind a part of another one, if the owner has just been
// refused by the kernel. The client then ends the connection for a bad frame.
func (s *rawStream) Abort(lastFrame []byte) {
	s.hold()
	defer s.letGo()
	if s.fd < 0 {
		return
	}
	if lastFrame != nil {
		_, _ = send(s.fd, lastFrame)
	}
	_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
}

// Released reports whether the descriptor is no longer the stream's.
func (s *rawStream) Released() bool {
	s.hold()
	defer s.letGo()
	return s.fd < 0
}

// writeLast reports whether the whole last frame was written.
func (s *rawStream) writeLast(fd int, lastFrame []byte) bool {
	if lastFrame == nil || s.Pending() {
		return false
	}
	last := rawStream{fd: fd}
	n, err := last.write(lastFrame)
	return err == nil && n == len(lastFrame)
}

// lingerRaw returns the descriptor to Go's poller, so that it can wait.
func lingerRaw(fd int) {
	f := os.NewFile(uintptr(fd), "closing websocket")
	defer func() { _ = f.Close() }()
	if f.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil {
		discard(f)
	}
}
