package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tactus/internal/rawtls"
	"tactus/loadtest/internal/sockets"
	"tactus/loadtest/internal/timingwheel"
)

// raw serves clients over raw non-blocking descriptors, on one thread and without
// allocations. Each socket is read when a snapshot should have arrived. Serve and
// Busy are safe for concurrent use; all else is owned by the goroutine of Run.
type raw struct {
	cfg    Config
	inputs inputs
	reads  timingwheel.Wheel // when clients are read, by number
	conns  []*rawConn        // by number; nil: free
	spent  atomic.Int64
	// sentAt is when inputs were last sent.
	sentAt int64

	receiver *sockets.Receiver
	batch    sockets.WriteBatch
	// writers are in the order of their frames in the batch.
	writers  []*rawConn
	readers  []*rawConn // read together
	fds      []int32    // of the readers
	received []sockets.Received
	sealed   []byte // records of one frame
	opened   []byte // data that could not be decrypted in place

	mu      sync.Mutex
	stopped bool
	new     []*rawConn // handed over, not served yet
}

const (
	// batchSize is how many sockets are written or read in one loop of system calls.
	batchSize = 64
	// slowInterval is the time between two checks whether a slow client reads.
	slowInterval = int64(10 * time.Millisecond)
	receiveSize  = 64 << 10
)

// New returns the engine for the connections that it [Serves].
func New(cfg Config) Engine {
	return &raw{cfg: cfg, receiver: sockets.NewReceiver(receiveSize, cfg.Clock), received: make([]sockets.Received, batchSize)}
}

// Busy returns the time that the engine has not slept.
func (p *raw) Busy() time.Duration { return time.Duration(p.spent.Load()) }

// Serve takes the descriptor of a connection out of Go's poller and closes the
// connection.
func (p *raw) Serve(s Served) {
	c := &rawConn{engine: p, client: s.Client, slow: s.Slow, early: append([]byte(nil), s.Early...)}
	if err := c.detach(s.Conn); err != nil {
		s.Client.Ended(err)
		return
	}
	fd := c.fd
	c.slow.restart(p.cfg.Clock())
	s.Attach(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		unix.Close(fd)
		s.Client.Ended(context.Canceled)
		return
	}
	p.new = append(p.new, c)
}

// Run serves until ctx is done. Then all clients leave.
func (p *raw) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	reported := int64(0)
	for ctx.Err() == nil {
		woke := p.receiver.ReadClock()
		p.addNew()
		p.sendDue(woke)
		p.readDue(woke)
		if now := p.cfg.Clock(); p.cfg.Report != nil && now-reported > int64(time.Second) {
			p.cfg.Report()
			reported = now
		}
		now := p.cfg.Clock()
		p.spent.Add(now - woke)
		sockets.Sleep(time.Duration(now))
	}
	p.stop()
	return nil
}

// addNew begins to serve the connections that were handed over.
func (p *raw) addNew() {
	p.mu.Lock()
	arrived := p.new
	p.new = nil
	p.mu.Unlock()
	for _, c := range arrived {
		if c.number = p.inputs.add(c.client); int(c.number) == len(p.conns) {
			p.conns = append(p.conns, nil)
		}
		p.conns[c.number] = c
		c.readAt(p.receiver.Now())
		if !c.client.Receive(c.early, p.cfg.Clock(), false) {
			p.release(c, nil)
		}
		c.early = nil
	}
}

// sendDue sends the inputs that are due. They come before all reads: the kernel
// notes the arrival of bytes that are read late, but an input that is late is late.
func (p *raw) sendDue(now int64) {
	p.sentAt = now
	p.inputs.sendDue(now)
	p.sendPosted()
}

// sendPosted writes the frames that were posted.
func (p *raw) sendPosted() {
	p.batch.Flush()
	for i, c := range p.writers {
		unsent, err := p.batch.Sent(i)
		if c.keeps(err) {
			err = nil
		}
		if err != nil {
			unsent = nil
			c.client.InputDropped(p.receiver.Now())
			c.writeFailed(err)
		}
		c.unsent = append(c.unsent, unsent...)
	}
	p.batch.Clear()
	p.writers = p.writers[:0]
}

// readDue reads every socket that is due.
func (p *raw) readDue(now int64) {
	for _, number := range p.reads.Due(now) {
		c := p.conns[number]
		if c.slow != nil && !c.broken {
			p.readSlowly(c, now)
			continue
		}
		p.readers, p.fds = append(p.readers, c), append(p.fds, int32(c.fd))
		if len(p.readers) == batchSize {
			p.readTogether()
		}
	}
	p.readTogether()
}

// readTogether reads the readers, and sends what has become due meanwhile.
func (p *raw) readTogether() {
	for readers, fds := p.readers, p.fds; len(readers) > 0; {
		n := p.receiver.ReceiveAll(fds, p.received)
		for i, c := range readers[:n] {
			p.handleRead(c, &p.received[i])
		}
		readers, fds = readers[n:], fds[n:]
	}
	p.readers, p.fds = p.readers[:0], p.fds[:0]
	if now := p.cfg.Clock(); now-p.sentAt > int64(sockets.Interval) {
		p.receiver.ReadClock()
		p.sendDue(now)
	}
}

// readSlowly reads at most once from a slow client, if it reads now.
func (p *raw) readSlowly(c *rawConn, now int64) {
	size, next := receiveSize, now+slowInterval
	if c.slow.Bytes > 0 {
		size, next = c.slow.Bytes, now+int64(c.slow.Every)
	} else {
		reads := c.slow.reads(now)
		c.slow.update(now, reads)
		if !reads {
			size = 0
		}
	}
	p.reads.Set(c.number, next)
	if size > 0 {
		got := p.receiver.ReceiveUpTo(c.fd, size)
		p.handle(c, &got, false)
	}
}

// handleRead handles what was read from a socket, and reads on while there may be
// more. Then it sets the time of the next read.
func (p *raw) handleRead(c *rawConn, got *sockets.Received) {
	before, period := c.client.Newest()
	late := p.receiver.Now()-c.readDue > period/2
	for more := p.handle(c, got, late); more && p.conns[c.number] == c; {
		*got = p.receiver.Receive(c.fd)
		more = p.handle(c, got, late)
	}
	if p.conns[c.number] != c { // released
		return
	}
	if newest, _ := c.client.Newest(); newest != before {
		c.readAt(c.arrivals.Arrived(newest, period))
	} else {
		c.readAt(c.arrivals.Missed(p.receiver.Now(), period))
	}
}

// handle passes one read to the client and reports whether there may be more. It
// releases a connection that has ended.
func (p *raw) handle(c *rawConn, got *sockets.Received, late bool) (more bool) {
	switch {
	case got.Err == nil:
	case errors.Is(got.Err, unix.EAGAIN):
		return false
	case errors.Is(got.Err, unix.EINTR):
		return true
	default:
		p.release(c, got.Err)
		return false
	}
	open, err := c.receive(got, late)
	if !open {
		p.release(c, err)
	}
	return open && got.More
}

// release ends a connection and closes its socket.
func (p *raw) release(c *rawConn, err error) {
	p.inputs.release(c.number)
	p.reads.Remove(c.number)
	p.conns[c.number] = nil
	unix.Close(c.fd)
	c.client.Ended(err)
}

// stop lets all clients leave and waits for servers to close the connections, at
// most for [LeaveTimeout].
func (p *raw) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.addNew()
	var leaving []*rawConn
	for _, c := range p.conns {
		if c != nil {
			leaving = append(leaving, c)
		}
	}
	for deadline := p.cfg.Clock() + int64(LeaveTimeout); len(leaving) > 0 && p.cfg.Clock() < deadline; {
		rest := leaving[:0]
		for _, c := range leaving {
			if left, err := c.leave(); left {
				p.release(c, err)
			} else {
				rest = append(rest, c)
			}
		}
		leaving = rest
		sockets.Sleep(time.Duration(p.cfg.Clock()))
	}
	for _, c := range leaving {
		p.release(c, context.Canceled)
	}
}

// rawConn is one connection: its descriptor and its unsent bytes.
type rawConn struct {
	engine   *raw
	client   Client
	number   int32
	fd       int
	records  *rawtls.Records // nil: no TLS
	slow     *SlowReading
	arrivals sockets.ArrivalEstimate
	readDue  int64
	unsent   []byte // of frames that the socket took in part, or not yet
	early    []byte // read before the connection was handed over
	broken   bool   // writes fail; what has arrived is read
	leaving  bool   // the client has said goodbye
}

// receive passes what was received to the client. It reports whether the connection
// goes on, and if not, the error of TLS that ended it.
func (c *rawConn) receive(got *sockets.Received, late bool) (open bool, err error) {
	err = c.open(got)
	if (len(got.Data) > 0 || err == nil) && !c.client.Receive(got.Data, got.At, late) {
		return false, nil
	}
	return err == nil, err
}

// readAt sets when the connection is read.
func (c *rawConn) readAt(t int64) {
	c.readDue = t
	c.engine.reads.Set(c.number, t)
}

// Send writes a frame. Bytes that the socket does not take are kept and written
// before the next frame. A read reports a broken connection.
func (c *rawConn) Send(frame []byte) bool {
	if !c.flush() {
		return false
	}
	b, err := c.seal(frame)
	if err != nil {
		return false
	}
	n, err := sockets.Send(c.fd, b)
	if err != nil && !c.keeps(err) {
		return false
	}
	c.unsent = append(c.unsent, b[n:]...)
	return true
}

// Post leaves a frame to sendPosted.
func (c *rawConn) Post(frame []byte) {
	p := c.engine
	if !c.flush() {
		c.client.InputDropped(p.receiver.Now())
		return
	}
	b, err := c.seal(frame)
	if err != nil {
		c.client.InputDropped(p.receiver.Now())
		return
	}
	p.batch.Add(c.fd, b)
	p.writers = append(p.writers, c)
	if len(p.writers) == batchSize {
		p.sendPosted()
	}
}

// flush writes the unsent bytes and reports whether none are left.
func (c *rawConn) flush() bool {
	if len(c.unsent) > 0 {
		n, err := sockets.Send(c.fd, c.unsent)
		if err != nil {
			c.writeFailed(err)
			return false
		}
		c.unsent = append(c.unsent[:0], c.unsent[n:]...)
	}
	return len(c.unsent) == 0
}

// writeFailed handles a failed write. A broken connection is read soon, also that of
// a slow client that does not read: the read returns how the connection ended.
func (c *rawConn) writeFailed(err error) {
	if !errors.Is(err, unix.EAGAIN) {
		c.broken = true
		c.engine.reads.Set(c.number, 0)
	}
}

// leave lets the client say goodbye, once its earlier bytes are sent, and reads until
// the server has closed the connection. A connection that ends in another way may
// have ended before the goodbye arrived, which its error says.
func (c *rawConn) leave() (left bool, err error) {
	if c.flush() && !c.leaving {
		c.leaving = true
		if !c.client.Goodbye() {
			return true, context.Canceled
		}
	}
	for {
		got := c.engine.receiver.Receive(c.fd)
		switch {
		case got.Err == nil:
			if open, err := c.receive(&got, false); !open {
				return true, err
			}
		case errors.Is(got.Err, unix.EAGAIN):
			return false, nil
		case errors.Is(got.Err, unix.EINTR):
		default:
			return true, got.Err
		}
	}
}
