package ws

import (
	"net"
	"sync"
	"time"
)

// inboxSize is the most unread bytes that the reading goroutine keeps. Beyond it the
// client is blocked.
const inboxSize = 8 << 10

// portableStream serves connections that can't be read without blocking: those on systems
// other than Linux, and those without a descriptor that detach finds. One goroutine reads into a ring buffer.
// Another writes, and exists only while something is pending.
type portableStream struct {
	net  net.Conn
	work *closers

	mu      sync.Mutex
	changed sync.Cond // signals room in the inbox, the end of a write, or closed
	inbox   [inboxSize]byte
	first   int // oldest byte in the inbox
	held    int // bytes in the inbox
	readErr error
	closed  bool

	out      []byte // being written; see keepBytes
	writing  bool
	progress bool // a part of out was written since the last Flush
	writeErr error

	write func() // writeOut; starting it allocates nothing
}

func newPortableStream(c net.Conn, work *closers) Stream {
	s := &portableStream{net: c, work: work}
	s.changed.L = &s.mu
	s.write = s.writeOut
	work.Go(s.readLoop)
	return s
}

func (s *portableStream) readLoop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for s.held == inboxSize && !s.closed {
			s.changed.Wait()
		}
		if s.closed {
			return
		}
		// The free part belongs to this goroutine, which fills it without the lock.
		start := (s.first + s.held) % inboxSize
		end := min(start+inboxSize-s.held, inboxSize)
		s.mu.Unlock()
		n, err := s.net.Read(s.inbox[start:end])
		s.mu.Lock()
		s.held += n
		if err != nil {
			s.readErr = err
			return
		}
	}
}

func (s *portableStream) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == 0 && s.readErr != nil {
		return 0, s.readErr
	}
	n := 0
	for s.held > 0 && n < len(b) {
		m := copy(b[n:], s.inbox[s.first:min(s.first+s.held, inboxSize)])
		s.first = (s.first + m) % inboxSize
		s.held -= m
		n += m
	}
	if n > 0 {
		s.changed.Broadcast()
	}
	return n, nil
}

func (s *portableStream) Send(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr != nil {
		return s.writeErr
	}
	s.out = keepBytes(s.out, b)
	s.writing, s.progress = true, false
	s.work.Add(1)
	go s.write()
	return nil
}

// writePart is how much is written by one call, so that a slow client's progress shows.
const writePart = 16 << 10

func (s *portableStream) writeOut() {
	defer s.work.Done()
	var err error
	for b := s.out; len(b) > 0 && err == nil; {
		n := min(len(b), writePart)
		if _, err = s.net.Write(b[:n]); err == nil {
			s.mu.Lock()
			s.progress = true
			s.mu.Unlock()
		}
		b = b[n:]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = keepBytes(s.out, nil)
	s.writing = false
	s.writeErr = err
	s.changed.Broadcast()
}

// Flush only returns the error and the progress of the writing goroutine, which sends
// what is pending.
func (s *portableStream) Flush() (progress bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	progress, s.progress = s.progress, false
	return progress, s.writeErr
}

func (s *portableStream) Pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing
}

// Abort is Shutdown: the stream's methods take a lock.
func (s *portableStream) Abort(lastFrame []byte) { s.Shutdown(lastFrame) }

// Released reports whether the stream was shut down.
func (s *portableStream) Released() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *portableStream) Shutdown(lastFrame []byte) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	ok := lastFrame != nil && s.readErr == nil && s.writeErr == nil
	s.changed.Broadcast()
	s.mu.Unlock()
	last := append([]byte(nil), lastFrame...)
	s.work.Go(func() { s.shut(ok, last) })
}

// shut waits until the current frame is written, as long as for a close frame: no
// other frame may follow a part of it.
func (s *portableStream) shut(sendLast bool, lastFrame []byte) {
	if !sendLast {
		closeNow(s.net)
		return
	}
	if s.net.SetWriteDeadline(time.Now().Add(closeWriteTimeout)) != nil || !s.written() {
		closeNow(s.net)
		return
	}
	lingerAndClose(s.net, lastFrame, s.work)
}

// written waits for the end of the current write and reports whether it succeeded.
func (s *portableStream) written() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		s.changed.Wait()
	}
	return s.writeErr == nil
}

// closeNow closes the socket without the close notification of TLS, which can block
// for seconds.
func closeNow(c net.Conn) {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		if _, counted := c.(Detacher); !counted {
			c = wrapped.NetConn()
		}
	}
	_ = c.Close()
}
