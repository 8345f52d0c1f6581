//go:build linux

// Package clients plays on servers that do not speak Tactus' protocol, and on Tactus
// with clients that do not play. It runs on the engine of the load tester's bots:
// inputs are sent on a schedule of their own, and nothing that is measured waits for
// the server.
//
// A [Dialect] is how to talk to a kind of server. [Run] connects a number of clients,
// lets them play, and measures a window.
//
// Linux only, as the suite is.
package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"tactus/loadtest"
	"tactus/loadtest/internal/engine"
	"tactus/loadtest/internal/frame"
	"tactus/loadtest/internal/random"
)

// Dialect is how to talk to a kind of server. It is safe for concurrent use with
// different clients.
type Dialect interface {
	// Enter connects a client and joins the game. early holds the bytes that were read
	// after that.
	Enter(ctx context.Context, c *Client) (conn net.Conn, early []byte, err error)
	// Input appends the payload of the client's next input, number seq, to dst. It
	// returns false when the client sends none.
	Input(dst []byte, c *Client, seq uint8) (payload []byte, ok bool)
	// Message handles a message of the server. reply, if not nil, is sent back in a
	// frame of the message's own kind.
	Message(c *Client, text bool, payload []byte) (got State, reply []byte)
}

// State says whether a message was a state, and which input it was the first to
// show.
type State struct {
	Is     bool
	Echoes bool
	Ack    uint8
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

// Run lets all clients in, plays, and reports what was measured in the window.
func Run(ctx context.Context, cfg Config) (*loadtest.Report, error) {
	r := newRun(cfg)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.engine.Run(ctx) }()
	w, err := r.execute(ctx)
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		return nil, err
	}
	return r.report(&w), nil
}

// run is a test.
type run struct {
	cfg     Config
	start   time.Time
	period  int64 // ns between two inputs, and two states
	engine  engine.Engine
	outside atomic.Int64 // clients that did not get in

	measuring atomic.Bool // the window is open
	meter     meter       // owned by the engine until it has ended
	scratch   []byte      // likewise: an input's frame

	mu      sync.Mutex
	clients []*Client // that got in
}

func newRun(cfg Config) *run {
	r := &run{cfg: cfg, start: time.Now(), period: int64(time.Second) / int64(cfg.Rate), meter: newMeter()}
	r.engine = engine.New(engine.Config{Clock: r.now})
	return r
}

func (r *run) now() int64 { return int64(time.Since(r.start)) }

// execute runs the test beside the engine: arrivals, warm-up, window.
func (r *run) execute(ctx context.Context) (w window, err error) {
	if err := r.enterAll(ctx); err != nil {
		return w, err
	}
	if err := wait(ctx, r.cfg.WarmUp); err != nil {
		return w, err
	}
	if r.cfg.Settled != nil {
		if err := r.cfg.Settled(ctx); err != nil {
			return w, err
		}
	}
	before, err := r.cfg.CPU()
	if err != nil {
		return w, err
	}
	from, busy, stolen := r.now(), r.engine.Busy(), loadtest.WatchStolen()
	r.measuring.Store(true)
	if err := wait(ctx, r.cfg.Window); err != nil {
		return w, err
	}
	after, err := r.cfg.CPU()
	r.measuring.Store(false)
	return window{length: r.now() - from, cpu: after - before, busy: r.engine.Busy() - busy, stolen: stolen()}, err
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

const (
	// maxEntering bounds how many clients enter at the same time.
	maxEntering  = 64
	enterTimeout = 20 * time.Second
)

// enterAll lets clients in at a steady rate. Clients that can't get in are counted.
// It returns an error when none can.
func (r *run) enterAll(ctx context.Context) error {
	var wg sync.WaitGroup
	var last atomic.Pointer[error]
	places, start := make(chan struct{}, maxEntering), time.Now()
	for i := range r.cfg.Clients {
		if err := wait(ctx, time.Until(start.Add(time.Duration(i)*time.Second/time.Duration(r.cfg.PerSecond)))); err != nil {
			wg.Wait()
			return err
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if err := r.enter(ctx, i); err != nil {
				r.outside.Add(1)
				last.Store(&err)
			}
		})
	}
	wg.Wait()
	if int(r.outside.Load()) == r.cfg.Clients {
		return fmt.Errorf("none of %d clients got in: %w", r.cfg.Clients, *last.Load())
	}
	return nil
}

func (r *run) enter(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, enterTimeout)
	defer cancel()
	c := &Client{Index: i, Slot: -1, run: r, rand: random.New(0, i)}
	conn, early, err := r.cfg.Dialect.Enter(ctx, c)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.clients = append(r.clients, c)
	r.mu.Unlock()
	c.due = r.firstInput(i)
	r.engine.Serve(engine.Served{Client: c, Conn: conn, Early: early, Attach: func(out engine.Sender) { c.out = out }})
	return nil
}

// firstInput returns when a client's first input is due. Inputs of all clients are
// spread evenly over the period.
func (r *run) firstInput(index int) int64 {
	now := r.now()
	due := now - now%r.period + r.period*int64(index)/int64(r.cfg.Clients)
	if due < now {
		due += r.period
	}
	return due
}

// Dial opens a WebSocket and returns the bytes that were read after the handshake.
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

// clientFrame returns the frame of a payload that was appended to frame.Begin.
func clientFrame(b []byte, op ws.OpCode, mask uint32) []byte { return b[frame.End(b, 0, op, mask):] }
