package session

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
)

// reliableQueue holds framed messages for the socket, and how far the client is with
// texts that others have said. They are sent with the next snapshot.
type reliableQueue struct {
	bytes []byte
	// own is how many of the bytes answer the player's own messages. Only these count
	// for the overflow: no other player can cause it.
	own           uint32
	notices, chat uint32 // newest text that was sent, as a number of its [TextLog]
}

// add appends a message; fill appends its payload.
func (q *reliableQueue) add(fill func(dst []byte) []byte) {
	var room [ws.FrameRoom]byte
	start := len(q.bytes)
	q.bytes = fill(append(q.bytes, room[:]...))
	frame := ws.Frame(q.bytes[start:])
	q.bytes = q.bytes[:start+copy(q.bytes[start:], frame)]
}

// overflow reports whether too many answers are queued.
func (q *reliableQueue) overflow() bool { return q.own > maxReliable }

// others reports whether messages are queued that are no answers.
func (q *reliableQueue) others() bool { return len(q.bytes) > int(q.own) }

// sent empties the queue after its messages were sent.
func (q *reliableQueue) sent() {
	q.clear()
	if cap(q.bytes) > keepReliable {
		q.bytes = nil // do not hold the memory of a welcome
	}
}

func (q *reliableQueue) clear() { q.bytes, q.own = q.bytes[:0], 0 }

// Queue adds an answer to a message of the player; fill appends its payload. Too many
// of them close the connection; see [Session.Next].
func (s *Session) Queue(fill func(dst []byte) []byte) {
	if s.link.conn != nil {
		before := len(s.reliable.bytes)
		s.reliable.add(fill)
		s.reliable.own += uint32(len(s.reliable.bytes) - before)
	}
}

// QueueResult adds the frame of the match's result, which is shared with other
// sessions.
func (s *Session) QueueResult(frame []byte) {
	s.progress.resultSent = true
	s.ensureBacklog().result = frame
}

// WantsResult reports whether the result can be queued: it was not yet, and the client
// has the snapshot of the tick in which the match was decided, and so all events that
// led to the result.
func (s *Session) WantsResult(decided game.Tick) bool {
	return !s.progress.resultSent && s.View.Baseline >= decided
}

// ReliableBytes is the size of the reliable messages that the next snapshot brings.
func (s *Session) ReliableBytes() int { return s.size(s.shared) }

// AppendResultFrame appends the frame of a result.
func AppendResultFrame(r *protocol.Result) []byte {
	return ws.Frame(protocol.AppendResult(make([]byte, ws.FrameRoom), r))
}
