//go:build linux

// Package flock is the load tester's simple cousin for servers that do not speak
// Tactus' protocol, and for clients that do not play: many connections in one
// epoll set, served by one thread without a goroutine each. Inputs are sent on a
// schedule of their own, and what is measured does not wait for the server.
//
// Linux only, as the suite is.
package flock

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"tactus/loadtest"
	"tactus/loadtest/internal/sockets"
)

// Dialect is how to talk to a kind of server. Its methods may be called by
// several goroutines for different members.
type Dialect interface {
	// Enter connects a member and takes it into the game. early is what came after
	// that.
	Enter(ctx context.Context, m *Member) (conn net.Conn, early []byte, err error)
	// Input appends the payload of m's next input, number seq, to dst. ok false:
	// its members send none.
	Input(dst []byte, m *Member, seq uint8) (payload []byte, ok bool)
	// Message takes a message of the server. reply, if not nil, is sent back in a
	// frame of the message's own kind.
	Message(m *Member, text bool, payload []byte) (got State, reply []byte)
}

// State says whether a message was a state, and which input it was the first to
// show.
type State struct {
	Is     bool
	Echoes bool
	Ack    uint8
}

// Member is one client. A dialect keeps what it learns of it in Seat, -1 at
// first.
type Member struct {
	Index int
	Seat  int

	flock   *flock
	fd      int
	beat    sockets.ArrivalEstimate
	look    int64 // when it is to be read
	overdue bool  // what is received was read later than it should have been
	partial []byte
	rest    []byte // of a frame that the socket took in part

	rand    uint64
	left    int // inputs until another direction
	dir     int
	aim     int
	turn    int
	seq     uint8
	acked   uint8
	sentAt  [256]int64
	stateAt int64
}

// Config says how to play.
type Config struct {
	Dialect   Dialect
	Clients   int
	Rate      int // inputs and expected states a second
	PerSecond int // arrivals
	WarmUp    time.Duration
	Window    time.Duration
	CPU       func() (time.Duration, error) // of the server
	// Settled, if not nil, is called between warm-up and window.
	Settled func(context.Context) error
}

// frameRoom is what a client frame's head takes at most, up to 64 KiB.
const frameRoom = 8

// Wish is the direction (1 to 256) and aim (0 to 65535) that m wants now.
func (m *Member) Wish() (dir, aim int) { return m.dir, m.aim }

// next is splitmix64 (Steele, Lea and Flood, 2014).
func (m *Member) next() uint64 {
	m.rand += 0x9e3779b97f4a7c15
	z := m.rand
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// choose does what the load tester's bots do: another direction each second, and
// an aim that turns a little with every input.
func (m *Member) choose(rate int) {
	const turn, most = 1 << 16, 512
	if m.left--; m.left < 0 {
		m.left = rate - 1
		m.dir = 1 + int(m.next()%256)
		m.aim = int(m.next() % turn)
		m.turn = int(m.next()%(2*most)) - most
	}
	m.aim = (m.aim + m.turn + turn) % turn
}

// Run lets everybody in, plays, and reports what was measured in the window.
func Run(ctx context.Context, cfg Config) (*loadtest.Report, error) {
	f := newFlock(cfg)
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() { f.serve(ctx) })
	report, err := f.hold(ctx)
	cancel()
	loop.Wait()
	return report, err
}

// hold is the course of the test, beside the loop.
func (f *flock) hold(ctx context.Context) (*loadtest.Report, error) {
	if err := f.enterAll(ctx); err != nil {
		return nil, err
	}
	if err := wait(ctx, f.cfg.WarmUp); err != nil {
		return nil, err
	}
	if f.cfg.Settled != nil {
		if err := f.cfg.Settled(ctx); err != nil {
			return nil, err
		}
	}
	before, err := f.cfg.CPU()
	if err != nil {
		return nil, err
	}
	from := f.open()
	if err := wait(ctx, f.cfg.Window); err != nil {
		return nil, err
	}
	after, err := f.cfg.CPU()
	if err != nil {
		return nil, err
	}
	return f.close(from, after-before), nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// entering bounds how many members come in at once.
const entering = 64

// enterAll lets members in at a steady rate. Those who can't get in are counted;
// it is an error when nobody can.
func (f *flock) enterAll(ctx context.Context) error {
	var wg sync.WaitGroup
	var last atomic.Pointer[error]
	places, start := make(chan struct{}, entering), time.Now()
	for i := range f.cfg.Clients {
		if err := wait(ctx, time.Until(start.Add(time.Duration(i)*time.Second/time.Duration(f.cfg.PerSecond)))); err != nil {
			wg.Wait()
			return err
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if err := f.enter(ctx, i); err != nil {
				f.outside.Add(1)
				last.Store(&err)
			}
		})
	}
	wg.Wait()
	if int(f.outside.Load()) == f.cfg.Clients {
		return fmt.Errorf("none of %d clients got in: %w", f.cfg.Clients, *last.Load())
	}
	return nil
}

func (f *flock) enter(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	m := &Member{Index: i, Seat: -1, flock: f, rand: uint64(i)*0xd1342543de82ef95 + 1}
	conn, early, err := f.cfg.Dialect.Enter(ctx, m)
	if err != nil {
		return err
	}
	if m.fd, err = sockets.Detach(conn); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrived = append(f.arrived, arrival{m, early})
	return nil
}

// Dial opens a WebSocket and returns what came right after the handshake.
func Dial(ctx context.Context, url string, protocols ...string) (net.Conn, []byte, error) {
	dialer := ws.Dialer{Protocols: protocols}
	conn, reader, _, err := dialer.Dial(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	var early []byte
	if reader != nil {
		early = make([]byte, reader.Buffered())
		if _, err = reader.Read(early); err != nil {
			conn.Close()
			return nil, nil, err
		}
		ws.PutReader(reader)
	}
	return conn, early, nil
}
