// Package session keeps a player's seat: it outlives the socket that it is
// played through. A seat turns messages into inputs and commands, and holds
// what its player still has to be told.
//
// All of a match's seats belong to the goroutine that owns the match, which may
// lend them to others of its own to be polled and delivered to.
package session

import (
	"errors"
	"hash/fnv"
	"time"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/metrics"
	"tactus/server/internal/replicate"
	"tactus/server/internal/ws"
)

// State is where a seat stands.
type State uint8

// States of a seat. A reserved seat waits for its player's first connection, a
// dropped one for his next.
const (
	Free State = iota
	Reserved
	Connected
	Dropped
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

// Seat is one player's place in a match. What every tick needs stands together
// and in front: between two ticks the kernel's work has pushed it out of the
// nearest cache, and each line of 64 bytes is fetched anew.
type Seat struct {
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
	Team               int32
	State              State
	parked             bool
	blocked            bool // the rest of a frame waits in the socket
	inputSinceSnapshot bool // an input came since the last snapshot
	steadySender       bool // many messages came in the last second in which any came
	left               bool
	keyframeRequested  bool // the player waits for a keyframe
	welcomeConfirmed   bool // the connection has: the secrets before this one are void

	Features   protocol.Features // that hold on the connection
	ResultSent bool              // the player has been told how the match ended
	chatBytes  uint16            // bytes of reliable that are chat

	inputs   inputBuffer // nil until one comes
	reliable []byte      // framed reliable messages not yet handed to the socket
	requests *requests   // nil until there are some

	Player, Name string
	Skill        float64 // in rating points, as the matchmaker told it
	Deadline     int64   // when a reserved or dropped seat is free again

	reservation string // join token id that may claim the seat now
	holdUntil   int64
	claimedBy   uint64 // sum over the join token id that claimed it last

	generation uint32 // of the resume token, see SecretKey
	oldest     uint32 // generation that is still good

	violations   bucket
	lastKeyframe int64
	lastPing     int64 // when the last heartbeat went out
}

// requests is what came and is not for a tick; most players never have any.
type requests struct {
	commands   []protocol.Command
	chats      []Chat
	chatBudget bucket
	lastNotice int64 // when the last refusal was told as a notice
}

func (s *Seat) ensureRequests() *requests {
	if s.requests == nil {
		s.requests = &requests{chatBudget: fullBucket(chatRate, s.shared.Now)}
	}
	return s.requests
}

// New makes the free seat of a slot.
func New(shared *Shared, slot game.Slot) *Seat {
	return &Seat{shared: shared, View: replicate.View{Slot: slot}, Team: -1}
}

// Slot is the seat's number.
func (s *Seat) Slot() game.Slot { return s.View.Slot }

// Reserve holds the seat for whoever shows the reservation. A seat that its
// player already has stays his while he fetches it with a new token.
func (s *Seat) Reserve(player, name string, team int32, reservation string, until int64) {
	s.reservation, s.holdUntil = reservation, until
	switch s.State {
	case Free:
		s.State, s.Player, s.Name, s.Team, s.Deadline = Reserved, player, name, team, until
	case Reserved, Dropped:
		s.Deadline = max(s.Deadline, until)
	case Connected: // played
	}
}

// Holds reports whether the reservation may claim the seat now.
func (s *Seat) Holds(reservation string, now int64) bool {
	return reservation != "" && s.reservation == reservation && now < s.holdUntil
}

// Reservation is the id that may claim the seat, empty for none.
func (s *Seat) Reservation() string { return s.reservation }

// ClaimedBy reports whether the reservation claimed this seat before.
func (s *Seat) ClaimedBy(reservation string) bool { return s.claimedBy == sumOf(reservation) }

func sumOf(reservation string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(reservation))
	return h.Sum64()
}

// Cancel takes a reservation back that was not claimed. It reports whether the
// seat is free now.
func (s *Seat) Cancel(reservation string) bool {
	if s.reservation != reservation {
		return false
	}
	s.reservation = ""
	if s.State == Reserved {
		s.free()
		return true
	}
	return false
}

func (s *Seat) free() {
	void := s.generation + 1 // it is given to nobody
	*s = Seat{
		shared: s.shared, View: replicate.View{Slot: s.View.Slot}, Team: -1, claimedBy: s.claimedBy,
		inputs: s.inputs, reliable: s.reliable[:0], generation: void, oldest: void,
	}
	s.inputs.clear()
}

// Free empties the seat; its connection must be gone.
func (s *Seat) Free() { s.free() }

// Attach gives the seat a new connection; an older one is closed. event is the
// newest event that the client has seen, features are those that hold from now on.
func (s *Seat) Attach(conn ws.Conn, event uint32, features protocol.Features, p *ws.Poller) {
	if s.conn != nil {
		s.unpark(p)
		s.close(protocol.CloseReplaced, protocol.CloseReplaced.Sentence())
	}
	now := s.shared.Now
	s.conn, s.State, s.Features = conn, Connected, features
	s.parked, s.left, s.keyframeRequested, s.welcomeConfirmed = false, false, false, false
	s.View = replicate.View{Slot: s.View.Slot, Event: event}
	s.Pace = 0
	s.reliable, s.requests = s.reliable[:0], nil
	s.chatBytes, s.ResultSent = 0, false
	s.ack, s.slack, s.inputSinceSnapshot = 0, 0, false
	s.inputs.clear()
	s.budget = fullBucket(messageRate(s.shared.Rate), now+s.shared.Suspended)
	s.violations = fullBucket(violationRate, now)
	if s.reservation != "" {
		s.claimedBy, s.reservation = sumOf(s.reservation), ""
	}
	s.generation++
	s.activityWindow, s.activityCount, s.steadySender, s.lastActivity, s.lastSnapshot, s.lastReceived, s.blocked = now, 0, false, now, now, now, false
}

// Secret is what the player has to show to come back.
func (s *Seat) Secret() string { return s.shared.Key.secret(s.Slot(), s.generation) }

// Knows reports whether the secret of a generation is good. Those before the newest
// are, too, until a connection that was given a newer one has spoken: any number of
// welcomes may not have arrived.
func (s *Seat) Knows(generation uint32) bool {
	return generation >= s.oldest && generation <= s.generation
}

// Online reports whether the seat has a connection.
func (s *Seat) Online() bool { return s.conn != nil }

// Poll adds the seat's connection to what the reader reads.
func (s *Seat) Poll(r *Reader) { r.intake.Add(s.conn) }

// Take takes what the player sent, as number i of those that the reader has read.
// It returns why the connection ended, nil while it lives; the caller drops the
// seat then. Several seats may be polled at once, each with a reader of its own,
// as long as nobody changes what they share.
func (s *Seat) Take(r *Reader, i int) error {
	r.seat = s
	taken := r.intake.Take(i, s.shared.Now, r.scratch, r)
	// Kept where a silent player's connection need not be fetched into the cache
	// for it.
	s.blocked, s.lastReceived = taken.Blocked, taken.LastHeard
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
func (s *Seat) CheckTimeouts(t *Tally) error {
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
func (s *Seat) heartbeat(t *Tally) error {
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
	return &ws.CloseError{Code: code, Sentence: code.Sentence()}
}

// Park moves the seat's socket to the poller when its player has been silent
// for a second, so that it costs no call per tick. The answer to a heartbeat
// wakes it for one look only.
func (s *Seat) Park(p *ws.Poller) {
	if s.parked || s.conn == nil || !s.Inactive() || s.blocked {
		return
	}
	s.parked = p.Park(s.conn, uint32(s.Slot()))
}

// Inactive reports whether the player has sent no message for a second; pings and
// answers to heartbeats are none.
func (s *Seat) Inactive() bool { return s.shared.Now-s.lastActivity >= int64(parkAfter) }

// LastReceived is when the player of the connection, or of the one before, was last
// heard.
func (s *Seat) LastReceived() int64 { return s.lastReceived }

// LastSnapshot is when the last snapshot went out.
func (s *Seat) LastSnapshot() int64 { return s.lastSnapshot }

// LastPing is when the last heartbeat went out.
func (s *Seat) LastPing() int64 { return s.lastPing }

// Unparked notes that the poller has let go of the socket.
func (s *Seat) Unparked() { s.parked = false }

// Parked reports whether the socket is only watched.
func (s *Seat) Parked() bool { return s.parked }

// Drop closes the connection for the reason and keeps the seat until the
// deadline.
func (s *Seat) Drop(why error, p *ws.Poller, deadline int64) {
	s.unpark(p)
	ce := (*ws.CloseError)(nil)
	closed := errors.As(why, &ce)
	if !closed || ce.Peer {
		s.lastReceived = s.shared.Now // until then they were there
	}
	if closed {
		s.close(ce.Code, ce.Sentence)
	} else {
		s.shared.Metrics.Lost.Inc()
		s.release(protocol.CloseIdle, "the connection was lost")
	}
	s.State, s.Deadline = Dropped, deadline
}

func (s *Seat) unpark(p *ws.Poller) {
	if s.parked {
		p.Unpark(s.conn)
		s.parked = false
	}
}

// Kick closes the connection, if there is one, with a final code.
func (s *Seat) Kick(code protocol.CloseCode, p *ws.Poller) {
	if s.conn != nil {
		s.Drop(closeError(code), p, 0)
	}
}

func (s *Seat) close(code protocol.CloseCode, sentence string) {
	s.shared.Metrics.Closed(code)
	s.release(code, sentence)
}

func (s *Seat) release(code protocol.CloseCode, sentence string) {
	s.conn.Close(code, sentence)
	s.conn = nil
}

// Input returns the player's input for tick t, if one came.
func (s *Seat) Input(t game.Tick) (lag int32, words []uint32, ok bool) {
	seq, lag, words, ok := s.inputs.at(t, s.shared.Input.Stride)
	if ok {
		s.ack = max(s.ack, seq)
	}
	return lag, words, ok
}

// Header is the private part of the seat's next snapshot.
func (s *Seat) Header() replicate.Header {
	h := replicate.Header{Ack: s.ack, Percent: 100}
	if s.inputSinceSnapshot {
		h.Slack = s.slack
	}
	return h
}

// recordActivity counts a message towards whether the player is lively.
func (s *Seat) recordActivity() {
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
func (s *Seat) Stalled() bool {
	silent := s.shared.Now - s.lastReceived
	return silent > int64(stallAfter) && (s.steadySender || s.sendsSteadily())
}

// sendsSteadily reports whether many messages came in this second.
func (s *Seat) sendsSteadily() bool { return int(s.activityCount) >= s.shared.Rate/steadyShare }

// Commands returns the commands that came since the last call; the slice is
// valid until the next Poll.
func (s *Seat) Commands() []protocol.Command {
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
func (s *Seat) Chats() []Chat {
	if s.requests == nil {
		return nil
	}
	c := s.requests.chats
	s.requests.chats = c[:0]
	return c
}

// Left reports whether the player said that he leaves for good.
func (s *Seat) Left() bool { return s.left }
