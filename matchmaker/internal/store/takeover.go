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
	// window is the largest number of appends under way in a journal. It must be the
	// same in all versions that run at the same time.
	window = 512
	// leap is by how much a takeover moves the sequence of the stream.
	leap = window + 1

	batchHeader         = "Nats-Batch-Id"
	batchSequenceHeader = "Nats-Batch-Sequence"
	batchCommitHeader   = "Nats-Batch-Commit"
)

// ownerRecord names the writer of the journal. It is the last message of a takeover.
type ownerRecord struct {
	Writer  string `json:"writer"`
	Term    uint64 `json:"term"`
	After   uint64 `json:"after"`   // last sequence before the takeover
	Attempt string `json:"attempt"` // identifies a takeover without an answer
}

// takeover makes this journal the only writer. All appends that any writer has sent
// before fail from then on, wherever they still are, also those of this journal.
//
// An append carries the sequence that the stream must have when it is stored, so it is
// stored once and after those before it. That alone does not fence: with many appends
// under way, the takeover itself could create the sequence that a later append expects.
// So a takeover is an atomic batch with one message more than a writer has appends under
// way. It jumps over every sequence that an append may expect.
//
// takeover returns the last sequence before it. Appends of this journal up to that
// sequence are stored; the others never will be. Errors: ErrFenced.
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

// readOwner reads the newest takeover. Revision 0: there was none.
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

// publishTakeover makes one attempt. All failures are errUncertain: the next read of the
// owner shows whether the takeover was stored, or it is tried again.
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
