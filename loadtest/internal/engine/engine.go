// Package engine connects simulated clients to a server: it sends their inputs when
// they are due, reads their sockets, and leaves the rest to them. Load test bots and
// the clients of benchmarks run on it.
//
// A [Client] is the protocol of one connection. An [Engine] serves many of them on
// one goroutine, one call at a time. [New] returns the fastest engine of the system:
// on Linux raw descriptors that are read by the clock (package sockets), also of TLS 1.3
// (package rawtls), elsewhere two goroutines per connection. Connections for which
// [Serves] is false need [NewPortable].
//
// The package measures nothing: it passes the time of arrival on.
package engine

import (
	"context"
	"math"
	"net"
	"time"
)

// Client is the protocol of one connection. Its engine calls the methods one at a
// time, on different goroutines. Times are nanoseconds of the engine's clock.
type Client interface {
	// InputDue returns when the next input is due, [Never] for no more inputs.
	InputDue() int64
	// SendInput sends the input that is due. InputDue is later afterwards.
	SendInput(now int64)
	// InputDropped is called for an input that found its socket full.
	InputDropped(now int64)
	// Receive handles bytes of the server, valid until it returns. The last of them
	// arrived at the given time. late means that they were read so late that several
	// snapshots may be among them. It returns false to end the connection.
	Receive(data []byte, at int64, late bool) (open bool)
	// Newest returns when the newest snapshot arrived and the time from one to the next.
	Newest() (at, period int64)
	// Goodbye says goodbye. It returns false when the connection can be closed at once,
	// true to wait until the server has closed it.
	Goodbye() (wait bool)
	// Ended is called once, after all other calls. err is nil when Receive returned
	// false, and context.Canceled when the engine stopped first.
	Ended(err error)
}

// Never is the time of inputs that are not sent.
const Never = int64(math.MaxInt64)

// Sender writes the frames of one client. Its methods are called by the client, in
// calls of its engine.
type Sender interface {
	// Send writes a frame, in full or not at all: false means that the socket is full.
	// The bytes are the caller's again when it returns.
	Send(frame []byte) bool
	// Post writes an input's frame like Send, together with those of other clients.
	Post(frame []byte)
}

// Engine serves clients.
type Engine interface {
	// Serve takes a connection over. Safe for concurrent use.
	Serve(s Served)
	// Run serves until ctx is done. Then all clients leave.
	Run(ctx context.Context) error
	// Busy returns the time that the engine has not waited. Safe for concurrent use.
	Busy() time.Duration
}

// Served is a connection that is handed to an engine.
type Served struct {
	Client Client
	Conn   net.Conn
	Early  []byte       // already read from it
	Slow   *SlowReading // nil: reads in time
	// Attach is called with the client's sender before any method of the client.
	Attach func(Sender)
}

// Config is what an engine needs.
type Config struct {
	// Clock returns the time.
	Clock func() int64
	// Report, if not nil, is called at least about once a second, between two calls of
	// clients.
	Report func()
}

// LeaveTimeout is how long clients may take to leave.
const LeaveTimeout = time.Second

// leaveFrames is how many frames a client sends when it leaves: a message, and the
// closing of the WebSocket. There is room for them behind inputs that wait.
const leaveFrames = 2
