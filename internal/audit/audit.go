// Package audit writes what operators do: who did what to whom, and from where. A log
// is a folder with a file of JSON lines for each day in UTC.
package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// DefaultKeep is how long entries are kept unless configured.
const DefaultKeep = 7 * 24 * time.Hour

const (
	prefix = "audit-"
	suffix = ".jsonl"
	day    = "2006-01-02"
	// maxRecent bounds the entries that are kept in memory.
	maxRecent = 1000
)

// Actor is the caller of an action.
type Actor struct {
	Who  string // name of a token, a certificate, or what the port knows
	From string // address
}

type actorKey struct{}

// WithActor returns a context of a call by the actor.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns the actor of a call; false for none.
func ActorOf(ctx context.Context) (Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	return a, ok
}

// Entry is a line of the log.
type Entry struct {
	Time    time.Time `json:"time"`
	Who     string    `json:"who"`
	From    string    `json:"from"`
	Action  string    `json:"action"`
	Target  string    `json:"target"`
	Reason  string    `json:"reason,omitempty"`
	Outcome string    `json:"outcome"` // ok, or why it failed
}

// Log is an audit log. It is safe for concurrent use. A nil log drops everything.
type Log struct {
	keep time.Duration
	log  *zap.Logger
	root *os.Root // nil: no files are written
	now  func() time.Time

	mu     sync.Mutex
	file   *os.File
	day    string  // of file
	recent []Entry // oldest first
}

// Open opens the log in a folder, which it makes, reads the newest entries, and
// deletes files of days before keep. An empty folder means that entries go to the
// process's log alone.
func Open(dir string, keep time.Duration, log *zap.Logger) (*Log, error) {
	return open(dir, keep, log, time.Now)
}

func open(dir string, keep time.Duration, log *zap.Logger, now func() time.Time) (*Log, error) {
	l := &Log{keep: keep, log: log, now: now}
	if dir == "" {
		return l, nil
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		l.root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pruneLocked()
	l.loadLocked()
	return l, nil
}

// Write adds an entry, with the present time if it has none. An entry that can't be
// written to its file is in the process's log.
func (l *Log) Write(e Entry) {
	if l == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	e.Time = e.Time.UTC()
	l.log.Info("operator action", zap.String("who", e.Who), zap.String("from", e.From), zap.String("action", e.Action),
		zap.String("target", e.Target), zap.String("reason", e.Reason), zap.String("outcome", e.Outcome))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rememberLocked(e)
	if l.root == nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		err = l.appendLocked(e.Time.Format(day), append(line, '\n'))
	}
	if err != nil {
		l.log.Error("audit log not written", zap.Error(err))
	}
}

// Recent returns up to n entries, newest first.
func (l *Log) Recent(n int) []Entry {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.Clone(l.recent[max(0, len(l.recent)-n):])
	slices.Reverse(list)
	return list
}

// Close closes the file.
func (l *Log) Close() error {
	if l == nil || l.root == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.file != nil {
		err = l.file.Close()
		l.file = nil
	}
	return errors.Join(err, l.root.Close())
}

func (l *Log) rememberLocked(e Entry) {
	if len(l.recent) == maxRecent {
		l.recent = append(l.recent[:0], l.recent[1:]...)
	}
	l.recent = append(l.recent, e)
}

func (l *Log) appendLocked(today string, line []byte) error {
	if l.file == nil || l.day != today {
		if l.file != nil {
			_ = l.file.Close()
			l.file = nil
		}
		f, err := l.root.OpenFile(prefix+today+suffix, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if info, err := f.Stat(); err == nil && info.Size() > 0 {
			_, _ = f.WriteString("\n") // behind a line that is not whole; an empty one is skipped
		}
		l.file, l.day = f, today
		l.pruneLocked()
	}
	_, err := l.file.Write(line)
	return err
}

// filesLocked lists the files of the log by their days, oldest first.
func (l *Log) filesLocked() (names []string) {
	entries, err := fs.ReadDir(l.root.FS(), ".")
	if err != nil {
		l.log.Warn("audit log not listed", zap.Error(err))
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names
}

// pruneLocked deletes the files whose last entry is older than keep.
func (l *Log) pruneLocked() {
	oldest := prefix + l.now().UTC().Add(-l.keep).Format(day) + suffix
	for _, name := range l.filesLocked() {
		if name >= oldest {
			return
		}
		if err := l.root.Remove(name); err != nil {
			l.log.Warn("old audit log not deleted", zap.String("file", name), zap.Error(err))
		}
	}
}

// loadLocked reads the newest entries. A line that is not whole is skipped.
func (l *Log) loadLocked() {
	for _, name := range l.filesLocked() {
		data, err := l.root.ReadFile(name)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			var e Entry
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				l.rememberLocked(e)
			}
		}
	}
}
