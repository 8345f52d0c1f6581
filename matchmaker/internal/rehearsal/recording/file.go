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
	begun time.Time // as its name says
	rules string    // version
	salt  string    // of players' ids; never written
}

// fileQueue is how names of files say the queue: "duel.", "arena+ffa.". A
// queue's name has no dot and no plus, so that each has its own.
func fileQueue(queue string) string { return strings.ReplaceAll(queue, "/", "+") + "." }

// create makes the file of a queue that begins now, as its name says.
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

// removeOldest keeps the newest files of a queue.
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

// probe makes the folder and sees whether it can be written to.
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
