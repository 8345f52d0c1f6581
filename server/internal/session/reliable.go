package session

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
)

// reliableQueue holds framed messages for the socket. They are sent with the next
// snapshot.
type reliableQueue struct {
	bytes []byte
	chat  uint16 // of bytes
}

// add appends a message; fill appends its payload.
func (q *reliableQueue) add(fill func(dst []byte) []byte) {
	var room [ws.FrameRoom]byte
	start := len(q.bytes)
	q.bytes = fill(append(q.bytes, room[:]...))
	frame := ws.Frame(q.bytes[start:])
	q.bytes = q.bytes[:start+copy(q.bytes[start:], frame)]
}

// addChat appends a frame of chat if there is room for it.
func (q *reliableQueue) addChat(frame []byte) {
	if int(q.chat)+len(frame) <= maxChatQueued {
		q.chat += uint16(len(frame))
		q.bytes = append(q.bytes, frame...)
	}
}

// overflow reports whether the queue is too long. Chat does not count.
func (q *reliableQueue) overflow() bool { return len(q.bytes)-int(q.chat) > maxReliable }

// sent empties the queue after its messages were sent.
func (q *reliableQueue) sent() {
	q.clear()
	if cap(q.bytes) > keepReliable {
		q.bytes = nil // do not hold the memory of a welcome
	}
}

func (q *reliableQueue) clear() { q.bytes, q.chat = q.bytes[:0], 0 }

// Queue adds a reliable message; fill appends its payload. A queue that is too
// long closes the connection; see [Session.Next].
func (s *Session) Queue(fill func(dst []byte) []byte) {
	if s.link.conn != nil {
		s.reliable.add(fill)
	}
}

// QueueFrame adds a reliable message that is framed already, for several sessions.
func (s *Session) QueueFrame(frame []byte) {
	if s.link.conn != nil {
		s.reliable.bytes = append(s.reliable.bytes, frame...)
	}
}

// QueueChat adds a frame of chat. A client that reads nothing misses what exceeds
// maxChatQueued.
func (s *Session) QueueChat(frame []byte) {
	if s.link.conn != nil {
		s.reliable.addChat(frame)
	}
}

// QueueResult adds the match's result, once. The client must have the snapshot of the
// tick in which the match was decided, and so all events that led to the result.
func (s *Session) QueueResult(r *protocol.Result, decided game.Tick) {
	if s.progress.resultSent || s.View.Baseline < decided {
		return
	}
	s.progress.resultSent = true
	s.Queue(func(dst []byte) []byte { return protocol.AppendResult(dst, r) })
}
