package matchlog

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Defaults of [Config].
const (
	DefaultMaxFiles = 200
	DefaultMaxBytes = 1 << 30
	DefaultKeepFor  = 7 * 24 * time.Hour
)

const (
	// bufferSize holds a second of a small match.
	bufferSize = 4 << 10
	// quietSize holds ten seconds of a hibernating match, and is all the memory of
	// its log.
	quietSize = 256
	// longestRecord is an upper bound for any record but a checkpoint: a join
	// with two texts and its numbers.
	longestRecord = 2*(maxText+3) + 64
	// longestTick is an upper bound for the record of a tick: an array of two
	// small numbers and two of nine bytes, and a checksum.
	longestTick = 32
	// sendAt is the size at which a buffer goes to the store, so that one more
	// record still fits.
	sendAt = bufferSize - longestRecord
	// Buffers kept for later, at most.
	maxSpareBuffers = 64
	maxSpareQuiet   = 256
	maxSpareStates  = 8
	// maxQueued bounds the bytes that wait for a slow disk. Above it logs break, so
	// that no match waits.
	maxQueued = 32 << 20
)

var (
	errSlowDisk = errors.New("the disk does not keep up with the matches")
	errTooLarge = errors.New("the logs of running matches alone are over the byte limit")
)

// Config bounds a store. Zero values mean the defaults.
type Config struct {
	Dir      string // made if missing; empty: nothing is logged
	MaxFiles int    // logs without [Header.Kept]
	MaxBytes int64  // bytes of all logs
	// KeepFor is how long logs with [Header.Kept] stay, whatever others are written;
	// MaxBytes bounds them all the same.
	KeepFor time.Duration
	// OnBroken is called by the store's goroutine for each log that is given up, with the
	// kind of the cause; nil: nothing is.
	OnBroken func(cause string)
}

// Stats counts the work of a store since it was made.
type Stats struct {
	Open    int64 // logs being written
	Bytes   int64 // written
	Done    int64 // logs finished in order
	Broken  int64 // logs given up
	Deleted int64 // old logs deleted
}

// Store owns a directory of logs and the goroutine that writes to it. Matches never
// wait for the disk. It is safe for concurrent use.
type Store struct {
	cfg   Config
	log   *zap.Logger
	files fileSystem

	mu     sync.Mutex
	queue  []block
	queued int // bytes
	room   int // most bytes that may wait; the tests' own is smaller
	shut   bool
	spare  [][]byte             // of bufferSize
	quiet  [][]byte             // of quietSize
	states [][]byte             // larger ones
	kept   map[string]time.Time // until when, by the match as in the names of logs

	wake chan struct{}
	done chan struct{}

	open  map[string]*Writer // by file name; the goroutine's own, as is onDisk
	ended map[string]bool    // logs of this process that have ended
	// onDisk is the size of all logs in bytes, without those that no player is in yet.
	onDisk int64
	count  int // of those that MaxFiles bounds
	// failing is why the last log that began or was written could not be; nil: it was.
	failing atomic.Pointer[string]
	loose   int // logs that are not being written, as far as is known
	listed  time.Time
	counts  struct{ open, bytes, done, broken, deleted atomic.Int64 }
}

// block is a part of a log on its way to the disk.
type block struct {
	w    *Writer
	b    []byte
	last bool
}

// NewStore opens the directory, deletes what is beyond the bounds, and starts
// the store's goroutine, which Close ends.
func NewStore(cfg Config, log *zap.Logger) (*Store, error) {
	if cfg.Dir == "" {
		return newStore(cfg, nil, log), nil
	}
	files, err := openDirectory(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return newStore(cfg, files, log), nil
}

func newStore(cfg Config, files fileSystem, log *zap.Logger) *Store {
	if cfg.MaxFiles <= 0 {
		cfg.MaxFiles = DefaultMaxFiles
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.KeepFor <= 0 {
		cfg.KeepFor = DefaultKeepFor
	}
	if cfg.OnBroken == nil {
		cfg.OnBroken = func(string) {}
	}
	s := &Store{
		cfg: cfg, log: log, files: files, room: maxQueued, open: make(map[string]*Writer), ended: make(map[string]bool), kept: make(map[string]time.Time),
		wake: make(chan struct{}, 1), done: make(chan struct{}), shut: files == nil,
	}
	if files == nil {
		close(s.done)
		return s
	}
	s.loadKept()
	s.prune()
	go s.run()
	return s
}

// Create makes the log of a match. The file appears with the first checkpoint. The
// result is never nil: if nothing can be logged, it drops everything.
func (s *Store) Create(h Header) *Writer {
	w := &Writer{store: s, header: h}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.closed = s.shut
	return w
}

// Close waits until all blocks are on the disk. Logs of matches that still run end
// without a footer. Further calls do nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	wasShut := s.shut
	s.shut = true
	s.mu.Unlock()
	s.signal()
	<-s.done
	if wasShut {
		return nil
	}
	return s.files.Close()
}

// Stats returns the current counts.
func (s *Store) Stats() Stats {
	return Stats{
		Open: s.counts.open.Load(), Bytes: s.counts.bytes.Load(), Done: s.counts.done.Load(),
		Broken: s.counts.broken.Load(), Deleted: s.counts.deleted.Load(),
	}
}

// take queues a part of a log. It reports false when the store cannot; the
// last part of a log is always taken, since it lets the file go.
func (s *Store) take(w *Writer, b []byte, last bool) bool {
	s.mu.Lock()
	if s.shut || s.queued+len(b) > s.room && !last {
		s.mu.Unlock()
		return false
	}
	s.queue = append(s.queue, block{w, b, last})
	s.queued += len(b)
	s.mu.Unlock()
	s.signal()
	return true
}

func (s *Store) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// buffer returns an empty buffer of bufferSize or quietSize.
func (s *Store) buffer(size int) []byte {
	list := &s.spare
	if size == quietSize {
		list = &s.quiet
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(*list); n > 0 {
		b := (*list)[n-1]
		*list = (*list)[:n-1]
		return b
	}
	return make([]byte, 0, size)
}

// stateBuffer returns the largest spare buffer: it is likely to have room for a
// game's state.
func (s *Store) stateBuffer() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.states)
	if n == 0 {
		return make([]byte, 0, 2*bufferSize)
	}
	best := 0
	for i := range s.states {
		if cap(s.states[i]) > cap(s.states[best]) {
			best = i
		}
	}
	b := s.states[best]
	s.states[best] = s.states[n-1]
	s.states = s.states[:n-1]
	return b
}

func (s *Store) recycle(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case cap(b) == bufferSize && len(s.spare) < maxSpareBuffers:
		s.spare = append(s.spare, b[:0])
	case cap(b) == quietSize && len(s.quiet) < maxSpareQuiet:
		s.quiet = append(s.quiet, b[:0])
	case cap(b) > bufferSize && len(s.states) < maxSpareStates:
		s.states = append(s.states, b[:0])
	}
}

func (s *Store) run() {
	defer close(s.done)
	var blocks []block
	for range s.wake {
		s.mu.Lock()
		blocks, s.queue = s.queue, blocks[:0]
		shut := s.shut
		s.mu.Unlock()
		for _, k := range blocks {
			s.write(k)
			s.recycle(k.b)
			s.mu.Lock()
			s.queued -= len(k.b)
			s.mu.Unlock()
		}
		clear(blocks)
		if shut {
			s.abandon()
			return
		}
	}
}

// write writes one block to the disk. Logs begin, break and end only here.
func (s *Store) write(k block) {
	w := k.w
	if !w.gone && w.broken.Load() {
		s.giveUp(w, errSlowDisk)
	}
	if !w.gone {
		if err := s.append(w, k.b); err != nil {
			s.giveUp(w, err)
		}
	}
	if k.last && !w.gone {
		if !w.played.Load() {
			s.drop(w)
			return
		}
		if err := w.file.Close(); err != nil {
			s.giveUp(w, err)
			return
		}
		s.counts.done.Add(1)
		s.end(w, w.name)
		s.tidy()
	}
}

func (s *Store) append(w *Writer, b []byte) error {
	if w.file == nil {
		f, err := s.files.Create(w.name)
		if err != nil {
			return err
		}
		w.file = f
		s.open[w.name] = w
		s.counts.open.Add(1)
	}
	n, err := w.file.Write(b)
	w.bytes += int64(n)
	s.counts.bytes.Add(int64(n))
	s.add(w, int64(n))
	if err != nil {
		return err
	}
	if s.failing.Swap(nil) != nil {
		s.log.Info("match logs are written again")
	}
	if s.onDisk > s.cfg.MaxBytes {
		s.prune()
		if s.onDisk > s.cfg.MaxBytes {
			return errTooLarge
		}
	}
	return nil
}

// add counts bytes of a log from its first player on: matches that nobody plays push no
// log of players out.
func (s *Store) add(w *Writer, n int64) {
	switch {
	case !w.played.Load():
	case w.counted:
		s.onDisk += n
	default:
		w.counted = true
		s.onDisk += w.bytes
		if !w.header.Kept {
			s.count++
		}
		s.tidy()
	}
}

// drop deletes the log of a match that no player was in.
func (s *Store) drop(w *Writer) {
	_ = w.file.Close()
	if err := s.files.Remove(w.name); err != nil {
		s.log.Warn("match log without players not deleted", zap.String("file", w.name), zap.Error(err))
	}
	delete(s.open, w.name)
	s.counts.open.Add(-1)
	w.file = nil
}

// Failing returns why logs can't be written at present, empty if they can. It is safe
// for concurrent use.
func (s *Store) Failing() string {
	if why := s.failing.Load(); why != nil {
		return *why
	}
	return ""
}

// causeOf is the kind of an error, for metrics.
func causeOf(err error) string {
	switch {
	case errors.Is(err, errSlowDisk):
		return "slow"
	case errors.Is(err, errTooLarge):
		return "too_large"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "permission"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "full"
	default:
		return "other"
	}
}

// giveUp ends a log that has a gap: it is renamed as broken, counted, and reported
// once.
func (s *Store) giveUp(w *Writer, why error) {
	w.gone = true
	w.broken.Store(true)
	s.counts.broken.Add(1)
	s.cfg.OnBroken(causeOf(why))
	text := why.Error()
	s.failing.Store(&text)
	name := w.name
	if w.file != nil {
		_ = w.file.Close()
		broken := strings.TrimSuffix(name, suffix) + brokenSuffix
		if err := s.files.Rename(name, broken); err == nil {
			name = broken
		}
		s.end(w, name)
	}
	s.log.Warn("match log broken; the match goes on without", zap.String("file", name), zap.Error(why))
	s.tidy()
}

func (s *Store) end(w *Writer, name string) {
	delete(s.open, w.name)
	s.ended[name] = true
	s.loose++
	s.counts.open.Add(-1)
	w.file = nil
}

// abandon closes the files of matches that have not ended.
func (s *Store) abandon() {
	for _, w := range s.open {
		if !w.played.Load() {
			s.drop(w)
			continue
		}
		if err := w.file.Close(); err != nil {
			s.log.Warn("match log not closed", zap.String("file", w.name), zap.Error(err))
		}
	}
	s.counts.open.Store(0)
	clear(s.open)
}
