package engine

import (
	"context"
	"net"
	"sync"
	"time"
)

// queuedFrames is how many frames wait for a socket. Inputs beyond that are dropped.
const queuedFrames = 4

// Portable serves clients over any net.Conn, with two goroutines for each. It is for
// connections that [Serves] is false for, and for systems other than Linux. It is safe for concurrent use.
type Portable struct {
	cfg  Config
	wake chan struct{} // a client with an earlier input has arrived
	quit chan struct{} // closed when the engine stops

	// mu is also held while methods of clients run.
	mu      sync.Mutex
	inputs  inputs
	streams map[*stream]struct{}
	stopped bool
	empty   chan struct{} // the last client has left, after the engine has stopped
	work    int64
	wg      sync.WaitGroup
}

// NewPortable returns an engine for any kind of connection.
func NewPortable(cfg Config) *Portable {
	return &Portable{
		cfg: cfg, wake: make(chan struct{}, 1), quit: make(chan struct{}), empty: make(chan struct{}, 1),
		streams: map[*stream]struct{}{},
	}
}

// stream is one connection. A goroutine of its own writes, so that a full socket does
// not hold up other clients.
type stream struct {
	engine  *Portable
	client  Client
	number  int32
	conn    net.Conn
	slow    *SlowReading
	frames  chan []byte
	leaving bool // room for the last frames is used
}

// Send queues a frame. The engine's lock is held: by the client's call, which is the
// only sender, and by what closes the queue.
func (s *stream) Send(frame []byte) bool {
	if !s.leaving && len(s.frames) >= queuedFrames {
		return false
	}
	select {
	case s.frames <- append([]byte(nil), frame...):
		return true
	default:
		return false
	}
}

// Post queues an input's frame.
func (s *stream) Post(frame []byte) {
	if !s.Send(frame) {
		s.client.InputDropped(s.engine.cfg.Clock())
	}
}

func (s *stream) write() {
	var err error
	for frame := range s.frames {
		if err == nil { // the reader sees the same broken connection and reports it
			_, err = s.conn.Write(frame)
		}
	}
	s.conn.Close()
}

// Busy returns the time that clients' methods took.
func (p *Portable) Busy() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.work)
}

// Serve takes a connection over.
func (p *Portable) Serve(c Served) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		c.Conn.Close()
		c.Client.Ended(context.Canceled)
		return
	}
	s := &stream{engine: p, client: c.Client, conn: c.Conn, slow: c.Slow, frames: make(chan []byte, queuedFrames+leaveFrames)}
	s.slow.restart(p.cfg.Clock())
	c.Attach(s)
	p.streams[s] = struct{}{}
	s.number = p.inputs.add(c.Client)
	p.wg.Go(s.write)
	p.wg.Go(func() { p.read(s, c.Early) })
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Portable) read(s *stream, early []byte) {
	buf := make([]byte, 16<<10)
	if s.slow != nil && s.slow.Bytes > 0 {
		buf = buf[:s.slow.Bytes]
	}
	for data, err := early, error(nil); ; {
		open := p.receive(s, data)
		if !open || err != nil {
			if !open {
				err = nil
			}
			p.release(s, err)
			return
		}
		p.waitToRead(s)
		var n int
		n, err = s.conn.Read(buf)
		data = buf[:n]
	}
}

// waitToRead waits while a slow client does not read.
func (p *Portable) waitToRead(s *stream) {
	switch now := p.cfg.Clock(); {
	case s.slow == nil:
	case s.slow.Bytes > 0:
		p.wait(s.slow.Every)
	case !s.slow.reads(now):
		p.updateSlow(s, now, false)
		p.wait(s.slow.pauseLeft(now))
		p.updateSlow(s, p.cfg.Clock(), true)
	}
}

func (p *Portable) updateSlow(s *stream, now int64, reads bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.slow.update(now, reads)
}

func (p *Portable) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.quit:
	case <-timer.C:
	}
}

// receive passes bytes to the client, unless its connection was released meanwhile:
// the queue of its frames is closed then.
func (p *Portable) receive(s *stream, data []byte) (open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, served := p.streams[s]; !served {
		return false
	}
	from := p.cfg.Clock()
	open = s.client.Receive(data, from, false)
	p.work += p.cfg.Clock() - from
	return open
}

// release ends a connection that is still served.
func (p *Portable) release(s *stream, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked(s, err)
}

func (p *Portable) releaseLocked(s *stream, err error) {
	if _, served := p.streams[s]; !served {
		return
	}
	delete(p.streams, s)
	p.inputs.release(s.number)
	close(s.frames)
	// An error means that the socket is closed already.
	_ = s.conn.SetWriteDeadline(time.Now().Add(LeaveTimeout))
	s.client.Ended(err)
	if p.stopped && len(p.streams) == 0 {
		select {
		case p.empty <- struct{}{}:
		default:
		}
	}
}

// Run sends inputs until ctx is done. Then all clients leave.
func (p *Portable) Run(ctx context.Context) error {
	const idle = int64(100 * time.Millisecond)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.stop()
			return nil
		case <-timer.C:
		case <-p.wake:
		}
		p.mu.Lock()
		now := p.cfg.Clock()
		p.inputs.sendDue(now)
		next := p.inputs.wheel.Next(now + idle)
		if p.cfg.Report != nil {
			p.cfg.Report()
		}
		p.work += p.cfg.Clock() - now
		p.mu.Unlock()
		timer.Reset(time.Duration(next - p.cfg.Clock()))
	}
}

// stop lets all clients leave and waits for servers to close the connections, at
// most for [LeaveTimeout].
func (p *Portable) stop() {
	p.mu.Lock()
	p.stopped = true
	close(p.quit)
	for s := range p.streams {
		s.leaving = true
		if !s.client.Goodbye() {
			p.releaseLocked(s, context.Canceled)
		}
	}
	waiting := len(p.streams) > 0
	p.mu.Unlock()
	if waiting {
		timeout := time.NewTimer(LeaveTimeout)
		defer timeout.Stop()
		select {
		case <-p.empty:
		case <-timeout.C:
		}
	}
	p.mu.Lock()
	for s := range p.streams {
		p.releaseLocked(s, context.Canceled)
	}
	p.mu.Unlock()
	p.wg.Wait()
}
