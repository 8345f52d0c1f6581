package session

import (
	"slices"
	"time"
)

// Limits of chat, in lines and in bytes of frames.
const (
	maxChatQueued = 4 << 10 // for a reader who takes nothing
	maxChatKept   = 16      // for players who are away
	maxChatBytes  = 4 << 10 // of these
)

var (
	// What a match passes on, and with it what each reader gets.
	chatLineRate = rate{burst: 64, every: int64(time.Second) / 16}
	chatByteRate = rate{burst: 4 << 10, every: int64(time.Second) / (4 << 10)}
)

// ChatLog bounds what is said in a match and keeps the last of it, in memory, for
// players who come back.
type ChatLog struct {
	lines, bytes bucket
	kept         []keptChat // the oldest first
	size         int
}

type keptChat struct {
	at    int64
	frame []byte
}

// NewChatLog makes an empty log.
func NewChatLog(now int64) *ChatLog {
	return &ChatLog{lines: fullBucket(chatLineRate, now), bytes: fullBucket(chatByteRate, now)}
}

// Add takes in a line's frame, which is the caller's again when it returns. It
// reports false for one that is too much for the match.
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

// QueueSince queues what was said since then.
func (l *ChatLog) QueueSince(then int64, s *Session) {
	for _, k := range l.kept {
		if k.at >= then {
			s.QueueChat(k.frame)
		}
	}
}
