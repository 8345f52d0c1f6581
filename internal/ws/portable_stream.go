package ws

import (
	"net"
	"sync"
	"time"
)

// inboxSize is what the reading goroutine may be ahead of Poll, in bytes.
// Beyond it the peer has to wait.
const inboxSize = 8 << 10

// portableStream serves connections that cannot be read without waiting: TLS,
// and systems other than Linux. One goroutine reads into a ring; another
// writes, only while something is pending.
type portableStream struct {
	net  net.Conn
	work *closers

	mu      sync.Mutex
	changed sync.Cond // room in the inbox, the end of writing, or closed
	inbox   [inboxSize]byte
	first   int // oldest byte in the inbox
	held    int // bytes in the inbox
	readErr error
	closed  bool

	out      []byte // being written; see keepBytes
	writing  bool
	writeErr error

	write func() // writeOut, kept so that starting it allocates nothing
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
		// The free part belongs to this goroutine, so it is filled unlocked.
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
	s.writing = true
	s.work.Add(1)
	go s.write()
	return nil
}

func (s *portableStream) writeOut() {
	defer s.work.Done()
	_, err := s.net.Write(s.out)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = keepBytes(s.out, nil)
	s.writing = false
	s.writeErr = err
	s.changed.Broadcast()
}

// flush has nothing to do but to tell: the writing goroutine is at it.
func (s *portableStream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeErr
}

func (s *portableStream) Pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing
}

func (s *portableStream) Shutdown(lastFrame []byte) {
	s.mu.Lock()
	s.closed = true
	ok := lastFrame != nil && s.readErr == nil && s.writeErr == nil
	s.changed.Broadcast()
	s.mu.Unlock()
	last := append([]byte(nil), lastFrame...)
	s.work.Go(func() { s.shut(ok, last) })
}

// shut waits for the frame that is being written, as long as for a close frame,
// since a part of a frame must not be followed by another.
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

// written waits until nothing is being written and reports whether it went well.
func (s *portableStream) written() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing {
		s.changed.Wait()
	}
	return s.writeErr == nil
}

// closeNow spares TLS its farewell, which may wait for seconds.
func closeNow(c net.Conn) {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = wrapped.NetConn()
	}
	_ = c.Close()
}
