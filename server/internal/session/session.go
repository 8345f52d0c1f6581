// Package session keeps a player's seat: it outlives the socket that it is
// played through. A seat turns messages into inputs and commands, and holds
// what its player still has to be told.
//
// All of a match's seats belong to the goroutine that owns the match, which may
// lend them to others of its own to be polled and delivered to.
package session

import (
	"errors"
	"time"

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
	View   replicate.View // what the player was sent
	conn   ws.Conn
	shared *Shared
	budget bucket

	activityWindow     int64 // begin of the second that messages are counted in
	lastActivity       int64 // when the last message came, pings apart
	lastSnapshot       int64 // when the last frame went out
	lastReceived       int64 // when anything was heard, as of the last poll
	Pace               int64 // of the match's clock, as the player was told
	ack                uint32
	slack              int32
	activityCount      int32 // messages of this second, see activityWindow
	parked             bool
	blocked            bool              // the rest of a frame waits in the socket
	inputSinceSnapshot bool              // an input came since the last snapshot
	steadySender       bool              // many messages came in the last second in which any came
	left               bool              // the player said that they leave
	keyframeRequested  bool              // the player waits for a keyframe
	welcomeConfirmed   bool              // a message came behind the welcome: it has arrived
	ResultSent         bool              // the player has been told how the match ended
	Features           protocol.Features // that hold on the connection
	chatBytes          uint16            // bytes of reliable that are chat

	inputs   inputBuffer // nil until one comes
	reliable []byte      // framed reliable messages not yet handed to the socket
	requests *requests   // nil until there are some

	violations   bucket
	lastKeyframe int64
	lastPing     int64 // when the last heartbeat went out
}

// New makes the session of a slot, without a connection.
func New(shared *Shared, slot game.Slot) Session {
	return Session{shared: shared, View: replicate.View{Slot: slot}}
}

// Reset forgets the player; the connection must be gone.
func (s *Session) Reset() {
	*s = Session{shared: s.shared, View: replicate.View{Slot: s.View.Slot}, inputs: s.inputs, reliable: s.reliable[:0]}
	s.inputs.clear()
}

// Attach gives the session a new connection; an older one is closed. event is the
// newest event that the client has seen, features are those that hold from now on.
func (s *Session) Attach(conn ws.Conn, event uint32, features protocol.Features, p *ws.Poller) {
	if s.conn != nil {
		s.unpark(p)
		s.close(protocol.CloseReplaced, protocol.CloseReplaced.Text())
	}
	now := s.shared.Now
	s.conn, s.Features = conn, features
	s.parked, s.left, s.keyframeRequested, s.welcomeConfirmed = false, false, false, false
	s.View = replicate.View{Slot: s.View.Slot, Event: event}
	s.Pace = 0
	s.reliable, s.requests = s.reliable[:0], nil
	s.chatBytes, s.ResultSent = 0, false
	s.ack, s.slack, s.inputSinceSnapshot = 0, 0, false
	s.inputs.clear()
	s.budget = fullBucket(messageRate(s.shared.Rate), now+s.shared.Suspended)
	s.violations = fullBucket(violationRate, now)
	s.activityWindow, s.activityCount, s.steadySender, s.lastActivity, s.lastSnapshot, s.lastReceived, s.blocked = now, 0, false, now, now, now, false
}

// Drop closes the connection for the reason.
func (s *Session) Drop(why error, p *ws.Poller) {
	s.unpark(p)
	ce := (*ws.CloseError)(nil)
	closed := errors.As(why, &ce)
	if !closed || ce.Peer {
		s.lastReceived = s.shared.Now // until then they were there
	}
	if closed {
		s.close(ce.Code, ce.Reason)
	} else {
		s.shared.Metrics.Lost.Inc()
		s.release(protocol.CloseIdle, "the connection was lost")
	}
}

// Kick closes the connection, if there is one, with a final code.
func (s *Session) Kick(code protocol.CloseCode, p *ws.Poller) {
	if s.conn != nil {
		s.Drop(closeError(code), p)
	}
}

// WelcomeConfirmed reports whether the client of the connection, or of the last
// one, has sent a message: the welcome, which brings the secret, has arrived.
func (s *Session) WelcomeConfirmed() bool { return s.welcomeConfirmed }

// requests is what came and is not for a tick; most players never have any.
type requests struct {
	commands   []protocol.Command
	chats      []Chat
	chatBudget bucket
	lastNotice int64 // when the last refusal was told as a notice
}

func (s *Session) ensureRequests() *requests {
	if s.requests == nil {
		s.requests = &requests{chatBudget: fullBucket(chatRate, s.shared.Now)}
	}
	return s.requests
}

// Slot is the number of the player's seat.
func (s *Session) Slot() game.Slot { return s.View.Slot }

// Online reports whether there is a connection.
func (s *Session) Online() bool { return s.conn != nil }

// Poll adds the seat's connection to what the reader reads.
func (s *Session) Poll(r *Reader) { r.intake.Add(s.conn) }

// Take takes what the player sent, as number i of those that the reader has read.
// It returns why the connection ended, nil while it lives; the caller drops the
// seat then. Several seats may be polled at once, each with a reader of its own,
// as long as nobody changes what they share.
func (s *Session) Take(r *Reader, i int) error {
	r.seat = s
	taken := r.intake.Take(i, s.shared.Now, r.scratch, r)
	// Kept where a silent player's connection need not be fetched into the cache
	// for it.
	s.blocked, s.lastReceived = taken.Blocked, taken.LastReceived
	r.bytesIn += uint64(taken.Bytes)
	if taken.Err != nil {
		return taken.Err
	}
	if s.keyframeRequested {
		s.grantKeyframe()
	}
	return s.CheckTimeouts(&r.Tally)
}

// CheckTimeouts looks after silence and stuck writes, and sends heartbeats. It returns why
// the connection is to be ended, if it is.
func (s *Session) CheckTimeouts(t *Tally) error {
	now := s.shared.Now
	if s.blocked {
		if since := s.conn.BlockedSince(); since != 0 && now-since > int64(slowAfter) {
			return closeError(protocol.CloseSlow)
		}
	}
	silent := now - s.lastReceived
	switch {
	case silent > int64(idleAfter):
		return closeError(protocol.CloseIdle)
	case silent > int64(pingAfter) && now-s.lastPing >= int64(pingEvery):
		return s.heartbeat(t)
	}
	return nil
}

// ping is a heartbeat's frame.
var ping = ws.AppendPing(nil)

// heartbeat asks whether the player is still there. It goes out at once, whatever
// else waits for a snapshot to go with: there may be none for a stalled player.
// Behind a frame that is stuck it is tried again.
func (s *Session) heartbeat(t *Tally) error {
	before := s.conn.BytesOut()
	sent, err := s.conn.Write(s.shared.Now, ping)
	s.blocked = s.conn.Blocked()
	t.bytesOut += s.conn.BytesOut() - before
	if sent {
		s.lastPing = s.shared.Now
	}
	return err
}

func closeError(code protocol.CloseCode) error {
	return &ws.CloseError{Code: code, Reason: code.Text()}
}

// Park moves the seat's socket to the poller when its player has been silent
// for a second, so that it costs no call per tick. The answer to a heartbeat
// wakes it for one look only.
func (s *Session) Park(p *ws.Poller) {
	if s.parked || s.conn == nil || !s.Inactive() || s.blocked {
		return
	}
	s.parked = p.Park(s.conn, uint32(s.Slot()))
}

// Inactive reports whether the player has sent no message for a second; pings and
// answers to heartbeats are none.
func (s *Session) Inactive() bool { return s.shared.Now-s.lastActivity >= int64(parkAfter) }

// LastReceived is when the player of the connection, or of the one before, was last
// heard.
func (s *Session) LastReceived() int64 { return s.lastReceived }

// LastSnapshot is when the last snapshot went out.
func (s *Session) LastSnapshot() int64 { return s.lastSnapshot }

// LastPing is when the last heartbeat went out.
func (s *Session) LastPing() int64 { return s.lastPing }

// Unparked notes that the poller has let go of the socket.
func (s *Session) Unparked() { s.parked = false }

// Parked reports whether the socket is only watched.
func (s *Session) Parked() bool { return s.parked }

func (s *Session) unpark(p *ws.Poller) {
	if s.parked {
		p.Unpark(s.conn)
		s.parked = false
	}
}

func (s *Session) close(code protocol.CloseCode, sentence string) {
	s.shared.Metrics.Closed(code)
	s.release(code, sentence)
}

func (s *Session) release(code protocol.CloseCode, sentence string) {
	s.conn.Close(code, sentence)
	s.conn = nil
}

// Input returns the player's input for tick t, if one came.
func (s *Session) Input(t game.Tick) (lag int32, words []uint32, ok bool) {
	seq, lag, words, ok := s.inputs.at(t, s.shared.Input.Stride)
	if ok {
		s.ack = max(s.ack, seq)
	}
	return lag, words, ok
}

// Header is the private part of the seat's next snapshot.
func (s *Session) Header() replicate.Header {
	h := replicate.Header{Ack: s.ack, Percent: 100}
	if s.inputSinceSnapshot {
		h.Slack = s.slack
	}
	return h
}

// recordActivity counts a message towards whether the player is lively.
func (s *Session) recordActivity() {
	s.lastActivity = s.shared.Now
	if now := s.shared.Now; now-s.activityWindow >= int64(time.Second) {
		s.steadySender = s.sendsSteadily()
		s.activityWindow, s.activityCount = now, 0
	}
	s.activityCount++
}

// Stalled reports whether a player who sent inputs all the time has gone silent.
// He gets no snapshots meanwhile, and all that changed in one when he is heard
// again; what the kernel has taken for him already he reads first.
func (s *Session) Stalled() bool {
	silent := s.shared.Now - s.lastReceived
	return silent > int64(stallAfter) && (s.steadySender || s.sendsSteadily())
}

// sendsSteadily reports whether many messages came in this second.
func (s *Session) sendsSteadily() bool { return int(s.activityCount) >= s.shared.Rate/steadyShare }

// Commands returns the commands that came since the last call; the slice is
// valid until the next Poll.
func (s *Session) Commands() []protocol.Command {
	if s.requests == nil {
		return nil
	}
	c := s.requests.commands
	s.requests.commands = c[:0]
	return c
}

// Chat is a line of chat that was accepted, and the id to answer it by.
type Chat struct {
	Text string
	ID   uint32 // 0: no reply wanted
}

// Chats returns the chat lines that came since the last call; the slice is valid
// until the next Poll.
func (s *Session) Chats() []Chat {
	if s.requests == nil {
		return nil
	}
	c := s.requests.chats
	s.requests.chats = c[:0]
	return c
}

// Left reports whether the player said that he leaves for good.
func (s *Session) Left() bool { return s.left }
