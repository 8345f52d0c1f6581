package session

import (
	"slices"
	"time"
)

// Limits of texts, in lines and in bytes of frames.
const (
	// maxTextBytes is what waits at most for a client that reads nothing. The oldest
	// text goes first.
	maxTextBytes = 4 << 10
	maxReplayed  = 16 // lines of chat for a player that comes back
)

var (
	chatLineRate = rate{burst: 64, every: int64(time.Second) / 16}
	chatByteRate = rate{burst: 4 << 10, every: int64(time.Second) / (4 << 10)}
)

// TextLog keeps the newest texts of a match, 4 KB of frames at most. Each session
// remembers the newest that its client was sent, so that a text is kept once for all
// of them. A nil TextLog is empty. Not safe for concurrent use; owned by the goroutine
// that runs the match. Shards read it meanwhile.
type TextLog struct {
	texts []keptText // oldest first
	size  int
	last  uint32 // number of the newest; they are counted from 1
}

type keptText struct {
	number uint32
	at     int64
	frame  []byte
}

// Add adds a text's frame, which it copies.
func (l *TextLog) Add(frame []byte, now int64) {
	l.last++
	l.texts = append(l.texts, keptText{l.last, now, slices.Clone(frame)})
	l.size += len(frame)
	for l.size > maxTextBytes {
		l.size -= len(l.texts[0].frame)
		l.texts = slices.Delete(l.texts, 0, 1)
	}
}

// newest is the number of the newest text, 0 for none.
func (l *TextLog) newest() uint32 {
	if l == nil {
		return 0
	}
	return l.last
}

// after returns the kept texts after one, by its number.
func (l *TextLog) after(number uint32) []keptText {
	if l == nil || l.last == number {
		return nil
	}
	from := len(l.texts)
	for from > 0 && l.texts[from-1].number > number {
		from--
	}
	return l.texts[from:]
}

func (l *TextLog) bytesAfter(number uint32) (n int) {
	for _, t := range l.after(number) {
		n += len(t.frame)
	}
	return n
}

func (l *TextLog) copyAfter(dst []byte, number uint32) (n int) {
	for _, t := range l.after(number) {
		n += copy(dst[n:], t.frame)
	}
	return n
}

// before is the number of the text before those that a player who was away since then
// gets to read: the last few.
func (l *TextLog) before(then int64) uint32 {
	number := l.newest()
	if l == nil {
		return 0
	}
	for i := len(l.texts) - 1; i >= max(0, len(l.texts)-maxReplayed) && l.texts[i].at >= then; i-- {
		number = l.texts[i].number - 1
	}
	return number
}

// ChatBudget limits the chat that a match passes on, and so what each client receives.
// Not safe for concurrent use; owned by the goroutine that runs the match.
type ChatBudget struct{ lines, bytes bucket }

// NewChatBudget returns a budget of which nothing is used.
func NewChatBudget(now int64) *ChatBudget {
	return &ChatBudget{lines: fullBucket(chatLineRate, now), bytes: fullBucket(chatByteRate, now)}
}

// Allow reports whether a line with a frame of so many bytes is within the budget, and
// counts it.
func (b *ChatBudget) Allow(bytes int, now int64) bool {
	return b.lines.allow(chatLineRate, now) && b.bytes.allowN(chatByteRate, now, int64(bytes), 0)
}
