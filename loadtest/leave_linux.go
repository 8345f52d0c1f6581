package loadtest

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"tactus/loadtest/internal/sockets"
)

// stop takes leave of everybody and waits until the servers have closed the
// connections, at most for [leaveTimeout].
func (p *rawLoop) stop() {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	p.takeNew()
	var leaving []*rawLink
	for _, e := range p.links {
		if e != nil {
			leaving = append(leaving, e)
		}
	}
	for deadline := p.clock.now() + int64(leaveTimeout); len(leaving) > 0 && p.clock.now() < deadline; {
		rest := leaving[:0]
		for _, e := range leaving {
			if end, open := e.leaveWhenIdle(); open {
				rest = append(rest, e)
			} else {
				p.release(e, end)
			}
		}
		leaving = rest
		sockets.Sleep(time.Duration(p.clock.now()))
	}
	for _, e := range leaving {
		p.release(e, ending{err: context.Canceled})
	}
}

// parting says goodbye, once what was sent before is out of the way, and reads
// until the server has answered by closing. A connection that ends in another way
// may have ended before the goodbye arrived.
func (e *rawLink) leaveWhenIdle() (end ending, open bool) {
	if e.idle() && !e.left {
		e.left = true
		e.leave()
	}
	for {
		got := e.loop.receiver.Receive(e.fd)
		switch {
		case got.Err == nil:
			if end, open = e.receive(got.Data, got.At); !open {
				return end, false
			}
		case errors.Is(got.Err, unix.EAGAIN):
			return ending{}, true
		case errors.Is(got.Err, unix.EINTR):
		default:
			return ending{err: got.Err}, false
		}
	}
}
