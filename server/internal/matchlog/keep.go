package matchlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// keepSuffix ends the names of marks: empty files that say until when the log of a
// match is kept, as keep-SECONDS-MATCH.keep.
const (
	keepPrefix = "keep-"
	keepSuffix = ".keep"
)

// Keep keeps the log of a match until the given time, also over restarts, whatever the
// bounds say. It reports whether the store writes logs.
func (s *Store) Keep(matchID string, until time.Time) bool {
	if s.files == nil {
		return false
	}
	name := fileSafe(matchID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return false
	}
	if !until.After(s.kept[name]) {
		return true
	}
	f, err := s.files.Create(fmt.Sprintf("%s%d-%s%s", keepPrefix, until.Unix(), name, keepSuffix))
	if err != nil {
		s.log.Warn("mark of a kept match log not written", zap.String("match", matchID), zap.Error(err))
		return false
	}
	_ = f.Close()
	s.kept[name] = until
	return true
}

// loadKept reads the marks, and deletes those that are over.
func (s *Store) loadKept() {
	folder, ok := s.files.(directory)
	if !ok {
		return // a test's own
	}
	names, err := folder.Names(keepSuffix)
	if err != nil {
		s.log.Warn("marks of kept match logs not listed", zap.Error(err))
	}
	for _, name := range names {
		text, match, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, keepPrefix), keepSuffix), "-")
		seconds, err := strconv.ParseInt(text, 10, 64)
		until := time.Unix(seconds, 0)
		if !ok || err != nil || !until.After(time.Now()) {
			_ = s.files.Remove(name)
			continue
		}
		if until.After(s.kept[match]) {
			s.kept[match] = until
		}
	}
}

// isKept reports whether a log is kept for now, by the end of its name.
func (s *Store) isKept(file string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) == 0 {
		return false
	}
	name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(file, brokenSuffix), keptSuffix), suffix)
	for match, until := range s.kept {
		if strings.HasSuffix(name, "-"+match) && until.After(time.Now()) {
			return true
		}
	}
	return false
}
