package session

import (
	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
)

// reliableQueue holds framed messages that are not yet handed to the socket. They
// go with the next snapshot.
type reliableQueue struct {
	bytes []byte
	chat  uint16 // of bytes
}

// add appends a message: fill appends its payload.
func (q *reliableQueue) add(fill func(dst []byte) []byte) {
	var room [ws.FrameRoom]byte
	start := len(q.bytes)
	q.bytes = fill(append(q.bytes, room[:]...))
	frame := ws.Frame(q.bytes[start:])
	q.bytes = q.bytes[:start+copy(q.bytes[start:], frame)]
}

// addChat appends a frame of chat where there is room for one.
func (q *reliableQueue) addChat(frame []byte) {
	if int(q.chat)+len(frame) <= maxChatQueued {
		q.chat += uint16(len(frame))
		q.bytes = append(q.bytes, frame...)
	}
}

// overflow reports whether more waits than a player may owe; chat does not count.
func (q *reliableQueue) overflow() bool { return len(q.bytes)-int(q.chat) > maxReliable }

// sent empties the queue.
func (q *reliableQueue) sent() {
	q.clear()
	if cap(q.bytes) > keepReliable {
		q.bytes = nil // a welcome's room is not held for a silent player
	}
}

func (q *reliableQueue) clear() { q.bytes, q.chat = q.bytes[:0], 0 }

// Queue adds a reliable message: fill appends its payload. A player who lets
// them pile up is closed as slow, see [Session.Next].
func (s *Session) Queue(fill func(dst []byte) []byte) {
	if s.link.conn != nil {
		s.reliable.add(fill)
	}
}

// QueueFrame adds a reliable message that is framed already: one that goes to many.
func (s *Session) QueueFrame(frame []byte) {
	if s.link.conn != nil {
		s.reliable.bytes = append(s.reliable.bytes, frame...)
	}
}

// QueueChat adds a frame of chat. For a player who takes nothing no more than
// maxChatQueued waits; what comes then they miss.
func (s *Session) QueueChat(frame []byte) {
	if s.link.conn != nil {
		s.reliable.addChat(frame)
	}
}

// QueueResult adds the match's result, once, where the player has the snapshot of
// the tick in which it was decided, and so all events that led to it.
func (s *Session) QueueResult(r *protocol.Result, decided game.Tick) {
	if s.progress.resultSent || s.View.Baseline < decided {
		return
	}
	s.progress.resultSent = true
	s.Queue(func(dst []byte) []byte { return protocol.AppendResult(dst, r) })
}
