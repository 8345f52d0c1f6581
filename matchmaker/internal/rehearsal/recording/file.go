package recording

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	fileSuffix = ".tickets.jsonl"
	// fileTime sorts by time as text.
	fileTime = "20060102T150405.000Z"
)

// file is a recording that is being written.
type file struct {
	*Writer
	on    *os.File
	begun time.Time // as in its name
	rules string    // version
	salt  string    // of players' ids; never written
}

// fileQueue returns the part of a file's name that identifies the queue: "duel.",
// "arena+ffa.". It is unique, since names of queues have no dot and no plus.
func fileQueue(queue string) string { return strings.ReplaceAll(queue, "/", "+") + "." }

// create creates a file of a queue with the time in its name.
func create(dir, queue, rules string, now time.Time) (*file, error) {
	for {
		name := fileQueue(queue) + now.UTC().Format(fileTime) + fileSuffix
		on, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
		if errors.Is(err, fs.ErrExist) {
			now = now.Add(time.Millisecond)
			continue
		}
		if err != nil {
			return nil, err
		}
		f := &file{on: on, begun: now, rules: rules, salt: rand.Text(), Writer: NewWriter(on, Header{Queue: queue, RulesVersion: rules})}
		if err := f.Flush(); err != nil {
			return nil, errors.Join(err, on.Close())
		}
		return f, nil
	}
}

func (f *file) close() error { return errors.Join(f.Flush(), f.on.Close()) }

// removeOldest removes all but the newest files of a queue.
func removeOldest(dir, queue string, keep int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fileQueue(queue)) && strings.HasSuffix(e.Name(), fileSuffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	var errs []error
	for len(names) > keep {
		errs = append(errs, os.Remove(filepath.Join(dir, names[0])))
		names = names[1:]
	}
	return errors.Join(errs...)
}

// probe creates the folder and returns an error if it is not writable.
func probe(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("the folder can't be written to: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
