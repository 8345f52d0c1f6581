package matchlog

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// foreignGrace is how long a log of another process counts as being written after its
// last change. Writers send blocks much more often.
const foreignGrace = 2 * time.Minute

// fileSystem is the directory of a store.
type fileSystem interface {
	// Create makes a new file; it must not exist.
	Create(name string) (file, error)
	Rename(name, newName string) error
	Remove(name string) error
	List() ([]logFile, error)
	Close() error
}

type logFile struct {
	name    string
	size    int64
	changed time.Time
}

// directory keeps a store within its folder, whatever a file is called.
type directory struct{ root *os.Root }

func openDirectory(path string) (fileSystem, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("folder for match logs: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("folder for match logs: %w", err)
	}
	return directory{root}, nil
}

func (d directory) Create(name string) (file, error) {
	return d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (d directory) Rename(name, newName string) error { return d.root.Rename(name, newName) }
func (d directory) Remove(name string) error          { return d.root.Remove(name) }
func (d directory) Close() error                      { return d.root.Close() }

func (d directory) List() ([]logFile, error) {
	folder, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	entries, err := folder.ReadDir(-1)
	var files []logFile
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		if info, err := e.Info(); err == nil { // else it was deleted meanwhile
			files = append(files, logFile{name: e.Name(), size: info.Size(), changed: info.ModTime()})
		}
	}
	return files, err
}

// Names returns the names of all files that end in suffix.
func (d directory) Names(suffix string) ([]string, error) {
	folder, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = folder.Close() }()
	names, err := folder.Readdirnames(-1)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, suffix) }), err
}

// pruneEvery is the time after which logs are pruned though no bound is exceeded: those
// that are kept by time expire.
const pruneEvery = time.Hour

// tidy prunes if a bound is exceeded and there may be a log to delete. Without the
// second condition, hundreds of matches that begin together would list the directory
// hundreds of times.
func (s *Store) tidy() {
	over, listed := s.count > s.cfg.MaxFiles || s.onDisk > s.cfg.MaxBytes, time.Since(s.listed)
	if over && (s.loose > 0 || listed > foreignGrace) || listed > pruneEvery {
		s.prune()
	}
}

// prune deletes the oldest logs beyond the bounds, except those being written. Logs that
// are kept go when their time is over, and before that only when the others are gone.
func (s *Store) prune() {
	files, err := s.files.List()
	if err != nil {
		s.log.Warn("match logs not listed", zap.Error(err))
		return
	}
	slices.SortFunc(files, func(a, b logFile) int { return strings.Compare(a.name, b.name) })
	s.count, s.onDisk, s.loose, s.listed = 0, 0, 0, time.Now()
	var loose, kept []logFile
	for _, f := range files {
		if w := s.open[f.name]; w != nil && !w.counted {
			continue // no player is in it
		}
		s.onDisk += f.size
		byTime := strings.HasSuffix(f.name, keptSuffix)
		if !byTime {
			s.count++
		}
		switch {
		case s.inUse(f), s.isKept(f.name):
		case byTime:
			kept = append(kept, f)
		default:
			loose = append(loose, f)
		}
	}
	for _, f := range loose {
		if over := s.count > s.cfg.MaxFiles || s.onDisk > s.cfg.MaxBytes; !over {
			s.loose++
		} else if s.remove(f) {
			s.count--
		}
	}
	for _, f := range kept {
		expired := time.Since(f.changed) > s.cfg.KeepFor
		if (expired || s.onDisk > s.cfg.MaxBytes) && s.remove(f) && !expired {
			s.log.Warn("match log deleted before its time; allow more bytes", zap.String("file", f.name))
		}
	}
}

// remove deletes a log. It reports whether that succeeded.
func (s *Store) remove(f logFile) bool {
	if err := s.files.Remove(f.name); err != nil {
		s.log.Warn("old match log not deleted", zap.String("file", f.name), zap.Error(err))
		return false
	}
	delete(s.ended, f.name)
	s.counts.deleted.Add(1)
	s.onDisk -= f.size
	return true
}

func (s *Store) inUse(f logFile) bool {
	if s.open[f.name] != nil {
		return true
	}
	return !s.ended[f.name] && time.Since(f.changed) < foreignGrace
}
