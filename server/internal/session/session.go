// Package session implements the connection side of a player in a match.
//
// A [Session] parses the messages that a client sends into inputs, commands and
// chat, enforces the client's rate limits, queues reliable messages, and tracks what
// the client was last sent. It survives reconnects: it stays while the player is
// away, and a new connection is attached to it.
//
// A Session is not safe for concurrent use. It belongs to the goroutine that runs
// the match, which may lend it to one of the match's shards while connections are
// read or written. Meanwhile nothing changes [Shared].
package session

import (
	"errors"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/metrics"
	"tactus/server/internal/replicate"
)

// Shared is what all sessions of a match have in common. The match sets Now, Tick,
// Every, Pace, Suspended and Backlog before it reads or sends.
type Shared struct {
	Now  int64 // in nanoseconds of a clock that stops while the process is suspended
	Tick game.Tick
	// Suspended is for how long the process was suspended so far, in nanoseconds.
	Suspended int64
	// Backlog is the part of Suspended whose messages may arrive now.
	Backlog int64
	Rate    int // ticks per second
	Every   int // ticks per snapshot
	// TrustLag takes the lag that clients claim as it is.
	TrustLag bool
	Input    game.InputSchema
	Metrics  *metrics.Metrics
	Pace     int64    // of the match's clock, which a snapshot reports
	Notices  *TextLog // to all players; nil: none so far
	Chat     *TextLog // nil until the first line
	// Tallies has one for each goroutine that reads and writes sessions. The first is
	// that of the match's own goroutine.
	Tallies []*Tally
}

// Session is the connection side of a player in a match. It stays while they are away.
// The fields that every tick needs come first: between two ticks the kernel evicts them
// from the nearest cache, and the tick fetches each line of 64 bytes again. Not safe for concurrent use; owned by the goroutine that runs the match,
// which may lend it to one of its shards.
type Session struct {
	View     replicate.View // what the player was sent
	link     link
	shared   *Shared
	budget   bucket
	activity activity
	progress progress
	inputs   *inputs // nil until the first input
	outbox
	requests *requests // nil until the first request

	violations   bucket
	lastKeyframe int64
}

// progress is how far the client is with inputs and snapshots.
type progress struct {
	lastSnapshot int64 // when the last snapshot was sent
	pace         int64 // of the match's clock, as of that snapshot
	ack          uint32
	slack        int8
	// inputSinceSnapshot means that an input arrived since the last snapshot.
	inputSinceSnapshot bool
	resultSent         bool // the match's result is queued or sent
}

// New makes the session of a slot, without a connection.
func New(shared *Shared, slot game.Slot) Session {
	return Session{shared: shared, View: replicate.View{Slot: slot}}
}

// SetShard sets which goroutine of the match reads and writes the session, as a number
// of its [Shared.Tallies], up to 255.
func (s *Session) SetShard(n int) { s.link.shard = uint8(n) }

func (s *Session) tally() *Tally { return s.shared.Tallies[s.link.shard] }

// Slot is the number of the player's seat.
func (s *Session) Slot() game.Slot { return s.View.Slot }

// Attach gives the session a new connection and closes an older one. event is the
// newest event that the client has received; features hold from now on. The client gets
// the whole roster. If it is resumed, it also gets the chat since its last connection.
func (s *Session) Attach(conn *ws.Conn, event uint32, features protocol.Features, resumed bool, p *ws.Poller) {
	away := s.link.lastReceived
	if s.link.conn != nil {
		s.link.unpark(p)
		s.close(protocol.CloseReplaced, protocol.CloseReplaced.Text())
	}
	now := s.shared.Now
	s.link = link{conn: conn, shard: s.link.shard, features: features, lastReceived: now}
	s.View = replicate.View{Slot: s.View.Slot, Event: event}
	s.activity = activity{last: now, window: now}
	s.progress = progress{lastSnapshot: now}
	s.reliable.clear()
	s.reliable.notices, s.reliable.chat = s.shared.Notices.newest(), s.shared.Chat.newest()
	if resumed {
		s.reliable.chat = s.shared.Chat.before(away)
	}
	s.backlog = &backlog{behind: true, roster: RosterCursor{Resumed: resumed}}
	s.requests = nil
	s.inputs.reset()
	s.budget = fullBucket(messageRate(s.shared.Rate), now+s.shared.Suspended)
	s.violations = fullBucket(violationRate, now)
}

// Features are the protocol features of the connection.
func (s *Session) Features() protocol.Features { return s.link.features }

// WelcomeConfirmed reports whether the client has sent a message since the last
// connection was attached. Then the welcome, which contains the secret, has arrived.
func (s *Session) WelcomeConfirmed() bool { return s.link.welcomeConfirmed }

// Left reports whether the player has left the match for good.
func (s *Session) Left() bool { return s.link.left }

// LastReceived is when the last bytes arrived on this connection, or on the one
// before it.
func (s *Session) LastReceived() int64 { return s.link.lastReceived }

// Drop closes the connection. If why is a [ws.CloseError], the client receives its
// code and reason; otherwise the connection counts as lost.
func (s *Session) Drop(why error, p *ws.Poller) {
	s.link.unpark(p)
	ce := (*ws.CloseError)(nil)
	closed := errors.As(why, &ce)
	if !closed || ce.Peer {
		s.link.lastReceived = s.shared.Now // the player was present until now
	}
	if closed {
		s.close(ce.Code, ce.Reason)
	} else {
		s.shared.Metrics.Lost.Inc()
		s.link.close(protocol.CloseIdle, "the connection was lost")
	}
}

// Kick closes the connection, if there is one, with a code that forbids a reconnect.
func (s *Session) Kick(code protocol.CloseCode, p *ws.Poller) {
	if s.link.conn != nil {
		s.Drop(closeError(code), p)
	}
}

// Reset prepares the session for another player. It must have no connection.
func (s *Session) Reset() {
	s.inputs.reset()
	s.reliable.clear()
	*s = Session{shared: s.shared, link: link{shard: s.link.shard}, View: replicate.View{Slot: s.View.Slot}, inputs: s.inputs, outbox: outbox{reliable: s.reliable}}
}

func (s *Session) close(code protocol.CloseCode, reason string) {
	s.shared.Metrics.Closed(code)
	s.link.close(code, reason)
}

func closeError(code protocol.CloseCode) error {
	return &ws.CloseError{Code: code, Reason: code.Text()}
}
