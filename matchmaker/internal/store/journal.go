package store

import (
	"context"
	"time"
)

// Record is one key of a journal.
type Record struct {
	Key   string
	Value []byte
}

// Journal is the memory of one queue.
type Journal struct{ lost chan struct{} }

// Pending is an append under way.
type Pending struct {
	done chan struct{}
	err  error
}

// OpenJournal opens a journal.
func (s *Store) OpenJournal(context.Context, string, uint64) (*Journal, []Record, error) {
	return nil, nil, errUnfinished
}

// Append stores a value.
func (j *Journal) Append(string, []byte, time.Duration) *Pending { return nil }

// Done is closed when the append has ended.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Err of an append that is done.
func (p *Pending) Err() error { return p.err }

// Healthy reports that appends are acknowledged in time.
func (j *Journal) Healthy() bool { return false }

// Lost is closed once fenced.
func (j *Journal) Lost() <-chan struct{} { return j.lost }

// Close ends the journal.
func (j *Journal) Close() {}

// JournalRecord reads one record.
func (s *Store) JournalRecord(context.Context, string, string) ([]byte, error) {
	return nil, errUnfinished
}
