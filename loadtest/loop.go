package loadtest

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// loop serves links: it reads their sockets, sends their inputs when they are
// due and measures. Everything of a link happens under its loop, one at a time.
type loop interface {
	// serve takes a link, its socket, and what was already read from it. The
	// link's ended channel says when it is over.
	serve(l *connection, conn net.Conn, early []byte)
	// run serves until ctx is done, and then takes leave of everybody.
	run(ctx context.Context) error
	// metered is what the loop measures.
	metered() *meter
	// busy is the time that the loop has spent on anything but waiting.
	busy() time.Duration
}

// clock is the run's own time in nanoseconds.
type clock struct{ start time.Time }

func newClock() clock { return clock{start: time.Now()} }

func (c clock) now() int64 { return int64(time.Since(c.start)) }

// streamLoop serves links over any net.Conn with two goroutines each. It is for
// connections without a raw descriptor of their own: TLS, and systems without
// epoll.
type streamLoop struct {
	clock clock
	meter *meter
	wake  chan struct{} // an earlier input has come in
	quit  chan struct{} // closed at the end

	mu      sync.Mutex
	queue   queue
	streams map[*connection]*stream
	done    bool
	work    int64
	wg      sync.WaitGroup
}

// stream is a link's way out: a goroutine of its own writes, so that a socket
// that takes nothing holds nobody up.
type stream struct {
	conn    net.Conn
	frames  chan []byte
	meter   *meter
	leaving bool // what is sent is a goodbye
}

// leaveTimeout is how long a goodbye may take.
const leaveTimeout = time.Second

// leaveFrames is how many frames a goodbye has: the message and the closing of
// the WebSocket. There is room for them behind the inputs that wait.
const leaveFrames = 2

// queuedFrames is how many frames wait for a stream's socket; inputs beyond
// that are dropped.
const queuedFrames = 4

func newStreamLoop(c clock, w *window) *streamLoop {
	return &streamLoop{
		clock: c, meter: newMeter(w), wake: make(chan struct{}, 1), quit: make(chan struct{}),
		streams: map[*connection]*stream{},
	}
}

// send queues a frame. It is called under the loop's lock, which the only other
// sender and the closing of the queue are under too.
func (s *stream) send(frame []byte) bool {
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

func (s *stream) post(frame []byte) {
	if !s.send(frame) {
		s.meter.dropped++ // a link is played under its loop's lock, which the meter belongs to
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

func (p *streamLoop) metered() *meter { return p.meter }

func (p *streamLoop) busy() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.work)
}

func (p *streamLoop) serve(l *connection, conn net.Conn, early []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		conn.Close()
		l.ended <- ending{err: context.Canceled}
		return
	}
	s := &stream{conn: conn, frames: make(chan []byte, queuedFrames+leaveFrames), meter: p.meter}
	l.out, l.meter = s, p.meter
	p.streams[l] = s
	p.queue.add(l)
	p.wg.Go(s.write)
	p.wg.Go(func() { p.read(l, conn, early) })
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *streamLoop) read(l *connection, conn net.Conn, early []byte) {
	buf := make([]byte, 16<<10)
	if l.slow == SlowLink {
		buf = buf[:slowLinkBytes]
	}
	born := p.clock.now()
	for data, err := early, error(nil); ; {
		end, open := p.receive(l, data)
		if open && err != nil {
			end, open = ending{err: err, over: l.over}, false
		}
		if !open {
			p.release(l, end)
			return
		}
		since := p.clock.now() - born
		switch {
		case l.slow == SlowLink:
			p.wait(time.Duration(slowLinkInterval))
		case l.slow != "" && !l.slow.reads(since):
			p.pause(l, l.slow.away(since))
		}
		var n int
		n, err = conn.Read(buf)
		data = buf[:n]
	}
}

func (p *streamLoop) pause(l *connection, d time.Duration) {
	p.mu.Lock()
	p.meter.slow.pauses++
	p.mu.Unlock()
	p.wait(d)
	p.mu.Lock()
	l.resumeReading(p.clock.now())
	p.mu.Unlock()
}

func (p *streamLoop) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.quit:
	case <-timer.C:
	}
}

// receive hands what came to the link, unless it was let go of meanwhile: its
// way out is closed then.
func (p *streamLoop) receive(l *connection, data []byte) (ending, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, served := p.streams[l]; !served {
		return ending{err: context.Canceled}, false
	}
	from := p.clock.now()
	end, open := l.receive(data, from)
	p.work += p.clock.now() - from
	return end, open
}

// release lets go of a link, once.
func (p *streamLoop) release(l *connection, end ending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, served := p.streams[l]
	if !served {
		return
	}
	delete(p.streams, l)
	p.queue.remove(l)
	close(s.frames)
	// Where not even this can be set, the socket is closed already.
	_ = s.conn.SetWriteDeadline(time.Now().Add(leaveTimeout))
	l.ended <- end
}

func (p *streamLoop) run(ctx context.Context) error {
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
		now := p.clock.now()
		p.queue.playDue(now)
		next := p.queue.wheel.Next(now + idle)
		p.meter.publish()
		p.work += p.clock.now() - now
		p.mu.Unlock()
		timer.Reset(time.Duration(next - p.clock.now()))
	}
}

func (p *streamLoop) stop() {
	p.mu.Lock()
	p.done = true
	close(p.quit)
	for l, s := range p.streams {
		s.leaving = true
		l.leave()
	}
	p.mu.Unlock()
	p.awaitClosed()
	for _, l := range p.served() {
		p.release(l, ending{err: context.Canceled})
	}
	p.wg.Wait()
}

// awaitClosed lets the servers answer goodbyes by closing, at most for
// [leaveTimeout].
func (p *streamLoop) awaitClosed() {
	const look = 5 * time.Millisecond
	for range leaveTimeout / look {
		if len(p.served()) == 0 {
			return
		}
		time.Sleep(look)
	}
}

// served returns the links that are not let go of.
func (p *streamLoop) served() []*connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.streams))
}
