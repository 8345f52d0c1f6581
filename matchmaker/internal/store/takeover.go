package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// window is how many appends a journal has under way at most. It must be the
	// same in all versions that run side by side.
	window = 512
	// leap is how far a takeover moves the stream's sequence.
	leap = window + 1

	batchHeader         = "Nats-Batch-Id"
	batchSequenceHeader = "Nats-Batch-Sequence"
	batchCommitHeader   = "Nats-Batch-Commit"
)

// ownerRecord says who writes the journal. It is the last of the leap messages
// of a takeover.
type ownerRecord struct {
	Writer  string `json:"writer"`
	Term    uint64 `json:"term"`
	After   uint64 `json:"after"`   // last sequence before the takeover
	Attempt string `json:"attempt"` // tells a takeover that went unanswered from another
}

// takeover makes this journal the only writer. All appends that were sent before
// by anybody, this journal included, fail from then on, wherever they still are:
//
// an append carries the sequence that the stream must have when it is stored, so
// that it is stored once and after those before it. That alone would not fence:
// of many under way, a later one could find the sequence it waits for made by
// the takeover itself. So a takeover is a batch, stored as a whole or not at all,
// of one message more than a writer has under way at most. It jumps over every
// sequence that anybody can be waiting for.
//
// It returns the last sequence before: appends of this journal up to there are
// stored, the others are not and never will be. Errors: ErrFenced.
func (j *Journal) takeover(ctx context.Context) (after uint64, err error) {
	attempts := map[string]bool{}
	err = j.store.repeat(ctx, func(ctx context.Context) error {
		owner, revision, err := j.readOwner(ctx)
		switch {
		case err != nil:
			return err
		case attempts[owner.Attempt]:
			after, j.owner = owner.After, revision
			return nil
		case j.owner != 0 && revision == 0:
			return fmt.Errorf("%w: all replicas of its stream were down", ErrFenced)
		case j.owner != 0 && revision != j.owner, j.owner == 0 && owner.Term > j.term:
			return fmt.Errorf("%w: term %d has taken it over", ErrFenced, owner.Term)
		}
		last, err := j.stream.askLastSequence(ctx)
		if err != nil {
			return err
		}
		next := ownerRecord{Writer: j.writer, Term: j.term, After: last, Attempt: nuid.Next()}
		attempts[next.Attempt] = true
		sequence, err := j.publishTakeover(ctx, next, revision)
		if err == nil {
			after, j.owner = last, sequence
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return after, nil
}

// readOwner reads the newest takeover; revision 0: there was none.
func (j *Journal) readOwner(ctx context.Context) (owner ownerRecord, revision uint64, err error) {
	m, err := j.stream.lastFromLeader(ctx, j.ownerSubject)
	switch {
	case errors.Is(err, ErrNotFound):
		return ownerRecord{}, 0, nil
	case err != nil:
		return ownerRecord{}, 0, err
	}
	if err := json.Unmarshal(m.Data, &owner); err != nil {
		return ownerRecord{}, 0, fmt.Errorf("owner of %s: %w", j.stream.name, err)
	}
	return owner, m.Sequence, nil
}

// publishTakeover is one attempt. Anything but success is errUncertain: either
// the next look at the owner says that it was stored, or it is tried again with
// what that look found.
func (j *Journal) publishTakeover(ctx context.Context, record ownerRecord, revision uint64) (uint64, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return 0, err
	}
	for i := 1; i <= leap; i++ {
		m := &nats.Msg{Subject: j.ownerSubject, Header: nats.Header{
			batchHeader: {record.Attempt}, batchSequenceHeader: {strconv.Itoa(i)},
		}}
		if i == 1 {
			m.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(record.After, 10)}
			m.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(revision, 10)}
		}
		if i < leap {
			if err := j.store.nc.PublishMsg(m); err != nil {
				return 0, transient(err)
			}
			continue
		}
		m.Data = data
		m.Header[batchCommitHeader] = []string{"1"}
		reply, err := j.store.request(ctx, m)
		if err != nil {
			return 0, err
		}
		sequence, err := parseAnswer(reply.Data)
		if err == nil && sequence != record.After+leap {
			err = fmt.Errorf("a takeover was stored at %d, not at %d", sequence, record.After+leap)
		}
		var api *jetstream.APIError
		if errors.Is(err, errWrongSequence) || errors.As(err, &api) && api.ErrorCode == errCodeIncomplete {
			err = fmt.Errorf("%w: %w", errUncertain, err)
		}
		return sequence, err
	}
	return 0, nil
}
