package loadtest

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"tactus/loadtest/internal/sockets"
)

// stop takes leave of everybody and waits until the servers have closed the
// connections, at most for [lastWords].
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
	for deadline := p.clock.now() + int64(lastWords); len(leaving) > 0 && p.clock.now() < deadline; {
		rest := leaving[:0]
		for _, e := range leaving {
			if e.parting() {
				rest = append(rest, e)
			} else {
				p.release(e, ending{err: context.Canceled})
			}
		}
		leaving = rest
		sockets.Rest(time.Duration(p.clock.now()))
	}
	for _, e := range leaving {
		p.release(e, ending{err: context.Canceled})
	}
}

// parting says goodbye, once what was sent before is out of the way, and reports
// whether the connection is still open.
func (e *rawLink) parting() bool {
	if !e.idle() {
		return !e.broken
	}
	if !e.parted {
		e.parted = true
		e.leave()
		return true
	}
	for {
		got := e.loop.receiver.Receive(e.fd)
		switch {
		case errors.Is(got.Err, unix.EAGAIN):
			return true
		case errors.Is(got.Err, unix.EINTR):
		case got.Err != nil:
			return false
		}
	}
}
