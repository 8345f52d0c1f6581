// Package session keeps a player's seat: it outlives the socket that it is
// played through. A seat turns messages into inputs and commands, and holds
// what its player still has to be told.
//
// All of a match's seats belong to the goroutine that owns the match, which may
// lend them to others of its own to be polled and delivered to.
package session

import (
	"errors"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/metrics"
	"tactus/server/internal/replicate"
)

// Shared is what all seats of a match have in common. The match sets Now and
// Tick before it polls.
type Shared struct {
	Now       int64 // nanoseconds in which the process did not stand still
	Tick      game.Tick
	Suspended int64 // nanoseconds in which it did
	Backlog   int64 // of them, those whose messages may be coming in now
	Rate      int
	Input     game.InputSchema
	Metrics   *metrics.Metrics
	Key       SecretKey // never changes
}

// Session is a player's connection to a match, and what stays of it while they
// are away. What every tick needs stands together and in front: between two ticks
// the kernel's work has pushed it out of the nearest cache, and each line of 64
// bytes is fetched anew. Not safe for concurrent use; owned by the goroutine that
// runs the match, which may lend it to one of its shards.
type Session struct {
	View     replicate.View // what the player was sent
	link     link
	shared   *Shared
	budget   bucket
	activity activity
	progress progress
	inputs   inputBuffer // nil until one comes
	reliable reliableQueue
	requests *requests // nil until there are some

	violations   bucket
	lastKeyframe int64
	lastPing     int64 // when the last heartbeat went out
}

// progress is how far the client has got with inputs and snapshots.
type progress struct {
	lastSnapshot       int64 // when the last snapshot went out
	pace               int64 // of the match's clock, as of that snapshot
	ack                uint32
	slack              int8
	inputSinceSnapshot bool // an input came since the last snapshot
	resultSent         bool // the player has been told how the match ended
}

// New makes the session of a slot, without a connection.
func New(shared *Shared, slot game.Slot) Session {
	return Session{shared: shared, View: replicate.View{Slot: slot}}
}

// Slot is the number of the player's seat.
func (s *Session) Slot() game.Slot { return s.View.Slot }

// Attach gives the session a new connection; an older one is closed. event is the
// newest event that the client has seen, features are those that hold from now on.
func (s *Session) Attach(conn *ws.Conn, event uint32, features protocol.Features, p *ws.Poller) {
	if s.link.conn != nil {
		s.link.unpark(p)
		s.close(protocol.CloseReplaced, protocol.CloseReplaced.Text())
	}
	now := s.shared.Now
	s.link = link{conn: conn, features: features, lastReceived: now}
	s.View = replicate.View{Slot: s.View.Slot, Event: event}
	s.activity = activity{last: now, window: now}
	s.progress = progress{lastSnapshot: now}
	s.reliable.clear()
	s.requests = nil
	s.inputs.clear()
	s.budget = fullBucket(messageRate(s.shared.Rate), now+s.shared.Suspended)
	s.violations = fullBucket(violationRate, now)
}

// Online reports whether there is a connection.
func (s *Session) Online() bool { return s.link.conn != nil }

// Features are those that hold on the connection.
func (s *Session) Features() protocol.Features { return s.link.features }

// WelcomeConfirmed reports whether the client of the connection, or of the last
// one, has sent a message: the welcome, which brings the secret, has arrived.
func (s *Session) WelcomeConfirmed() bool { return s.link.welcomeConfirmed }

// Left reports whether the player said that they leave for good.
func (s *Session) Left() bool { return s.link.left }

// LastReceived is when the player of the connection, or of the one before, was last
// heard.
func (s *Session) LastReceived() int64 { return s.link.lastReceived }

// Drop closes the connection for the reason.
func (s *Session) Drop(why error, p *ws.Poller) {
	s.link.unpark(p)
	ce := (*ws.CloseError)(nil)
	closed := errors.As(why, &ce)
	if !closed || ce.Peer {
		s.link.lastReceived = s.shared.Now // until then they were there
	}
	if closed {
		s.close(ce.Code, ce.Reason)
	} else {
		s.shared.Metrics.Lost.Inc()
		s.link.close(protocol.CloseIdle, "the connection was lost")
	}
}

// Kick closes the connection, if there is one, with a final code.
func (s *Session) Kick(code protocol.CloseCode, p *ws.Poller) {
	if s.link.conn != nil {
		s.Drop(closeError(code), p)
	}
}

// Reset forgets the player; the connection must be gone.
func (s *Session) Reset() {
	s.inputs.clear()
	s.reliable.clear()
	*s = Session{shared: s.shared, View: replicate.View{Slot: s.View.Slot}, inputs: s.inputs, reliable: s.reliable}
}

func (s *Session) close(code protocol.CloseCode, reason string) {
	s.shared.Metrics.Closed(code)
	s.link.close(code, reason)
}

func closeError(code protocol.CloseCode) error {
	return &ws.CloseError{Code: code, Reason: code.Text()}
}
