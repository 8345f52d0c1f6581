package ws

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const rawStreams = true

// rawStream is a non-blocking descriptor outside Go's poller.
type rawStream struct {
	fd     int
	poller *Poller // where the descriptor is registered, nil for nowhere
	unsent *unsent // what the kernel did not take, nil for nothing
	work   *closers
}

// unsent is the end of a frame, from sent.
type unsent struct {
	b    []byte // see keepBytes
	sent int
}

// newRawConn takes the connection's descriptor. Closing the net.Conn removes it
// from Go's poller; the duplicate keeps the connection open, and its non-blocking
// mode, which belongs to the open file and not to the descriptor.
func newRawConn(tcp *net.TCPConn, maxMessage int, work *closers) (*Conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(original uintptr) {
		fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	if err := tcp.Close(); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	limitUnsent(fd)
	// One piece of memory: both parts are needed in every tick.
	c := &struct {
		Conn
		raw rawStream
	}{raw: rawStream{fd: fd, work: work}}
	c.Conn = *NewConn(&c.raw, maxMessage)
	c.fd = int32(fd)
	return &c.Conn, nil
}

// read and write use RawSyscall: a call on a non-blocking descriptor returns
// at once, so the scheduler need not be told to give this thread's processor
// away, which costs more than many of the calls. recvfrom and sendto go straight
// to the socket, past the layer of files.
func (s *rawStream) Read(b []byte) (int, error) { return recv(s.fd, b) }

func recv(fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		switch {
		case errno == 0 && n == 0:
			return 0, io.EOF
		case errno == 0:
			return int(n), nil
		case errno == syscall.EAGAIN:
			return 0, nil
		case errno != syscall.EINTR:
			return 0, os.NewSyscallError("read", errno)
		}
	}
}

// readLoop reads every descriptor into buf, the bytes of one connection behind
// those of the other. No other work is done between two calls.
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
		n, err := recv(int(v.conn.fd), buf[:min(len(buf), readSize)])
		v.b, v.err = buf[:n:n], err
		buf = buf[n:]
	}
}

// unsentLimit is how many bytes may wait in the kernel for a client that takes
// them more slowly than they come. With more than that under way to nowhere the
// socket takes nothing, and the next frame is made when it does: of the newest
// state, not of one that is seconds old by then.
const unsentLimit = 1 << 10

// limitUnsent is best effort, like limitSendBuffer.
func limitUnsent(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
}

// sendFlags: MSG_NOSIGNAL makes a closed peer an error and nothing else. MSG_EOR
// makes unsentLimit hold: the kernel checks it for each segment that it begins,
// and without the flag a small frame is added to the last one, up to 64 KiB of
// them.
const sendFlags = syscall.MSG_NOSIGNAL | syscall.MSG_EOR

// write returns how much the kernel took, 0 when it is full.
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

// keepUnsent has a raw stream keep what the kernel did not take.
func keepUnsent(s Stream, b []byte) { s.(*rawStream).unsent = &unsent{b: keepBytes(nil, b)} }

// writeLoop writes frames to descriptors. No other work is done between two calls.
func writeLoop(writes []write) {
	for i := range writes {
		if w := &writes[i]; w.inLoop {
			w.taken, w.err = send(w.fd, w.b)
		}
	}
}

func (s *rawStream) Flush() error {
	r := s.unsent
	n, err := s.write(r.b[r.sent:])
	if err != nil {
		return err
	}
	if r.sent += n; r.sent == len(r.b) {
		s.dropUnsent()
	}
	return nil
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
	fd := s.fd
	s.fd = -1
	ok := s.writeLast(fd, lastFrame)
	s.dropUnsent()
	if !ok || unix.Shutdown(fd, unix.SHUT_WR) != nil || s.work.lingering.Add(1) > maxLingering {
		if ok {
			s.work.lingering.Add(-1)
		}
		_ = unix.Close(fd)
		return
	}
	s.work.Go(func() {
		lingerRaw(fd)
		s.work.lingering.Add(-1)
	})
}

// writeLast reports whether the last frame went out whole.
func (s *rawStream) writeLast(fd int, lastFrame []byte) bool {
	if lastFrame == nil || s.Pending() {
		return false
	}
	last := rawStream{fd: fd}
	n, err := last.write(lastFrame)
	return err == nil && n == len(lastFrame)
}

// lingerRaw gives the descriptor back to Go's poller, since waiting is nothing
// for the goroutine of a match.
func lingerRaw(fd int) {
	f := os.NewFile(uintptr(fd), "closing websocket")
	defer func() { _ = f.Close() }()
	if f.SetReadDeadline(time.Now().Add(lingerTimeout)) == nil {
		discard(f)
	}
}
