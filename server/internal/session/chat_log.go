package session

import (
	"slices"
	"time"
)

// Limits of chat, in lines and in bytes of frames.
const (
	maxChatQueued = 4 << 10 // for a client that reads nothing
	maxChatKept   = 16      // for players without a connection
	maxChatBytes  = 4 << 10 // of the kept lines
)

var (
	// Limits of what a match passes on, and so of what each client receives.
	chatLineRate = rate{burst: 64, every: int64(time.Second) / 16}
	chatByteRate = rate{burst: 4 << 10, every: int64(time.Second) / (4 << 10)}
)

// ChatLog limits the chat of a match, and keeps the last lines in memory for players
// that reconnect. Not safe for concurrent use; owned by the goroutine that runs the
// match.
type ChatLog struct {
	lines, bytes bucket
	kept         []keptChat // oldest first
	size         int
}

type keptChat struct {
	at    int64
	frame []byte
}

// NewChatLog returns an empty log.
func NewChatLog(now int64) *ChatLog {
	return &ChatLog{lines: fullBucket(chatLineRate, now), bytes: fullBucket(chatByteRate, now)}
}

// Add adds a line's frame, which it copies. It reports false if the line exceeds the
// match's limits.
func (l *ChatLog) Add(frame []byte, now int64) bool {
	if !l.lines.allow(chatLineRate, now) || !l.bytes.allowN(chatByteRate, now, int64(len(frame)), 0) {
		return false
	}
	l.kept = append(l.kept, keptChat{now, slices.Clone(frame)})
	l.size += len(frame)
	for len(l.kept) > maxChatKept || l.size > maxChatBytes {
		l.size -= len(l.kept[0].frame)
		l.kept = slices.Delete(l.kept, 0, 1)
	}
	return true
}

// QueueSince queues the lines since then for a session.
func (l *ChatLog) QueueSince(then int64, s *Session) {
	for _, k := range l.kept {
		if k.at >= then {
			s.QueueChat(k.frame)
		}
	}
}
