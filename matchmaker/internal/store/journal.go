package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"go.uber.org/zap"
)

const (
	// unhealthyAfter is the longest time of an append in a healthy journal.
	unhealthyAfter = 250 * time.Millisecond
	// windowBytes bounds the size of the appends under way, far below the buffers of the
	// server.
	windowBytes = 8 << 20
	// patience is the number of write timeouts for which appends may make no progress.
	// A missing leader is noticed earlier.
	patience = 4
	// removalTTL is how long the stream keeps the removal of a key.
	removalTTL = time.Second
)

// Record is the value of a key of a journal.
type Record struct {
	Key   string
	Value []byte
}

// Journal holds the records of one queue: the last value of each key, in order of the
// last writes. It is safe for concurrent use in one process. Of all processes one is the
// writer, the one that opened it last. From that moment nothing of an earlier writer can
// be stored.
//
// Appends are stored once and in order; an append is never stored without those before
// it. They wait while NATS is away.
type Journal struct {
	store        *Store
	stream       *stream
	ownerSubject string
	writer       string
	term         uint64
	owner        uint64 // sequence of the takeover; owned by the caller of takeover
	inbox        string // acknowledgements come to inbox.<sequence>
	leave        []func()

	wake     chan struct{} // capacity 1
	lost     chan struct{}
	finished chan struct{}   // run has ended
	stop     context.Context //nolint:containedctx // ends with the journal
	cancel   context.CancelFunc

	mu      sync.Mutex
	queue   []*Pending // not acknowledged, in order; the first ones are sent
	sent    int
	bytes   int    // of values that are sent
	base    uint64 // sequence before that of queue[0]
	desync  bool   // it is unknown which of the sent appends are stored.
	suspect bool   // another writer may have taken over
	err     error  // why it has ended
}

// Pending is an append under way.
type Pending struct {
	token   string
	value   []byte
	removal bool
	ttl     time.Duration
	since   time.Time // of Append
	sent    time.Time
	stored  bool // acknowledged, while one before it is not
	done    chan struct{}
	err     error
}

// Done closes when the append is stored, or never will be.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Err is nil if the append is stored. It has a meaning only after Done has closed.
// Errors: ErrFenced and ErrClosed (the append may be stored or not), ErrTooLarge.
func (p *Pending) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

func (p *Pending) end(err error) {
	p.err = err
	close(p.done)
}

func (s *Store) journalStream(name string) (*stream, string, error) {
	token, err := encodeKey(name)
	if err != nil {
		return nil, "", fmt.Errorf("journal: %w", err)
	}
	root := s.cfg.Name + ".journal." + token
	return &stream{store: s, name: s.cfg.Name + "_journal_" + token, root: root + ".k."}, root + ".owner", nil
}

// OpenJournal takes the journal over and reads it. term is that of the caller's lease. The
// records are in order of their last writes. Errors: ErrFenced if a higher term has
// opened the journal.
func (s *Store) OpenJournal(ctx context.Context, name string, term uint64) (*Journal, []Record, error) {
	st, ownerSubject, err := s.journalStream(name)
	if err == nil {
		_, err = s.stream(ctx, jetstream.StreamConfig{
			Name:               st.name,
			Subjects:           []string{st.root + "*", ownerSubject},
			Storage:            jetstream.MemoryStorage,
			MaxMsgsPerSubject:  1,
			AllowMsgTTL:        true, // without markers: they would use sequences
			AllowAtomicPublish: true,
		}, st.root)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open journal %q: %w", name, err)
	}
	j := &Journal{
		store: s, stream: st, ownerSubject: ownerSubject, writer: nuid.Next(), term: term, inbox: s.nc.NewInbox(),
		wake: make(chan struct{}, 1), lost: make(chan struct{}), finished: make(chan struct{}),
	}
	j.stop, j.cancel = s.bound(context.Background())
	records, err := j.open(ctx)
	if err != nil {
		j.unsubscribe()
		j.cancel()
		return nil, nil, fmt.Errorf("open journal %q: %w", name, err)
	}
	s.tasks.Go(j.run)
	return j, records, nil
}

func (j *Journal) open(ctx context.Context) ([]Record, error) {
	acks, err := j.store.nc.Subscribe(j.inbox+".*", j.acknowledged)
	if err != nil {
		return nil, err
	}
	j.leave = append(j.leave, func() { _ = acks.Unsubscribe() })
	if _, err = j.takeover(ctx); err != nil {
		return nil, err
	}
	j.base = j.owner
	_ = j.store.Publish(j.hint(), []byte(j.writer))
	ignore, err := j.store.Subscribe(j.hint(), func(data []byte) {
		if string(data) != j.writer {
			j.mu.Lock()
			j.suspect = true
			j.mu.Unlock()
			j.signal()
		}
	})
	if err != nil {
		return nil, err
	}
	j.leave = append(j.leave, ignore)
	var records []Record
	err = j.store.repeat(ctx, func(context.Context) error {
		var err error
		records, err = j.read(ctx)
		return err
	})
	return records, err
}

// hint is the subject that notifies an idle writer of a takeover.
func (j *Journal) hint() string { return "takeover." + j.stream.name }

// read reads all records. It retries while a replica does not have the takeover yet,
// since that may lack records, too.
func (j *Journal) read(ctx context.Context) ([]Record, error) {
	var records []Record
	complete := false
	err := j.stream.scan(ctx, 0, func(m message) error {
		complete = complete || m.Sequence >= j.owner
		key, err := j.stream.key(m.Subject)
		if err == nil && !m.gone() {
			records = append(records, Record{key, m.Data})
		}
		return nil
	})
	if err == nil && !complete {
		err = fmt.Errorf("%w: the replica that was asked is behind", errUncertain)
	}
	return records, err
}

// JournalRecord reads one record of a journal of any writer, from any replica. Shortly
// after a write it may be the record before. Errors: ErrNotFound.
func (s *Store) JournalRecord(ctx context.Context, name, key string) ([]byte, error) {
	st, _, err := s.journalStream(name)
	if err != nil {
		return nil, err
	}
	token, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	m, err := st.last(ctx, token)
	if err == nil && m.gone() {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("record %q of journal %q: %w", key, name, err)
	}
	return m.Data, nil
}

// Append sets the value of a key; nil removes the key. The record expires after ttl, in
// whole seconds; 0: never. Append never blocks. value belongs to the journal until the
// append is done.
func (j *Journal) Append(key string, value []byte, ttl time.Duration) *Pending {
	p := &Pending{value: value, removal: value == nil, ttl: ttl, since: time.Now(), done: make(chan struct{})}
	if p.removal {
		p.ttl = removalTTL
	}
	var err error
	p.token, err = encodeKey(key)
	if err == nil && len(value) > int(j.store.nc.MaxPayload())-maxHeaders-len(p.token) {
		err = ErrTooLarge
	}
	if err != nil {
		p.end(fmt.Errorf("append %q: %w", key, err))
		return p
	}
	j.mu.Lock()
	if err = j.err; err == nil {
		j.queue = append(j.queue, p)
	}
	idle := j.sent < window
	j.mu.Unlock()
	if err != nil {
		p.end(err)
	} else if idle {
		j.signal()
	}
	return p
}

// Healthy reports whether no append waits for more than 250 ms and the journal has not
// ended.
func (j *Journal) Healthy() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err == nil && (len(j.queue) == 0 || time.Since(j.queue[0].since) < unhealthyAfter)
}

// Lost closes when this process learns that another writer has taken over.
func (j *Journal) Lost() <-chan struct{} { return j.lost }

// Close ends the journal. Appends that are not stored yet end with ErrClosed. Further
// calls do nothing.
func (j *Journal) Close() {
	j.end(ErrClosed)
	<-j.finished
}

func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// end ends the journal and all appends with an error.
func (j *Journal) end(err error) {
	j.mu.Lock()
	if j.err != nil {
		j.mu.Unlock()
		return
	}
	j.err = err
	queue := j.queue
	j.queue, j.sent = nil, 0
	j.mu.Unlock()
	for _, p := range queue {
		p.end(err)
	}
	if errors.Is(err, ErrFenced) {
		close(j.lost)
	}
	j.cancel()
}

func (j *Journal) unsubscribe() {
	for _, leave := range j.leave {
		leave()
	}
}

// acknowledged handles the answer to an append. The last word of its subject is the
// sequence that the append expected. No two appends of a journal expect the same, since
// takeovers leap.
func (j *Journal) acknowledged(m *nats.Msg) {
	sequence, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 10, 64)
	if err != nil {
		return
	}
	stored := isStored(m.Data)
	var done []*Pending
	j.mu.Lock()
	if sequence <= j.base || sequence > j.base+uint64(j.sent) {
		j.mu.Unlock()
		return // from before a takeover
	}
	if stored {
		j.queue[sequence-j.base-1].stored = true
		n := 0
		for n < j.sent && j.queue[n].stored {
			n++
		}
		done = j.pop(n)
	} else {
		j.desync = true
	}
	more := j.desync || len(j.queue) > j.sent
	j.mu.Unlock()
	for _, p := range done {
		p.end(nil)
	}
	if more {
		j.signal()
	}
}

// pop removes the first n appends of the queue.
func (j *Journal) pop(n int) []*Pending {
	done := j.queue[:n:n]
	j.queue = j.queue[n:]
	if len(j.queue) == 0 {
		j.queue = nil
	}
	j.sent = max(j.sent-n, 0)
	for _, p := range done {
		j.bytes -= len(p.value)
	}
	j.base += uint64(n)
	return done
}

// isStored reports whether an answer confirms an append. It is fast for the usual one.
func isStored(data []byte) bool {
	if bytes.HasPrefix(data, []byte(`{"stream":`)) && !bytes.Contains(data, []byte(`"error"`)) {
		return true
	}
	_, err := parseAnswer(data)
	return err == nil && len(data) > 0
}

// run sends appends, and finds out the outcome of those without an answer.
func (j *Journal) run() {
	defer close(j.finished)
	defer j.unsubscribe()
	timeout := patience * j.store.cfg.Timeout
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		next, suspect, overdue := j.next(timeout)
		if suspect {
			j.check()
		}
		if overdue || !j.send(next) {
			j.resync()
			continue
		}
		select {
		case <-j.stop.Done():
			j.end(ErrClosed)
			return
		case <-j.wake:
		case <-timer.C:
			timer.Reset(timeout / patience)
		}
	}
}

// toSend is an append with the sequence that it expects.
type toSend struct {
	*Pending
	sequence uint64
}

// next returns the appends that can be sent now. overdue reports that an answer is
// missing for too long, or refused an append.
func (j *Journal) next(timeout time.Duration) (next []toSend, suspect, overdue bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	suspect, j.suspect = j.suspect, false
	now := time.Now()
	if j.desync || j.sent > 0 && now.Sub(j.queue[0].sent) > timeout {
		return nil, suspect, j.err == nil
	}
	for j.sent < min(window, len(j.queue)) && j.bytes < windowBytes {
		p := j.queue[j.sent]
		p.sent = now
		j.sent++
		j.bytes += len(p.value)
		next = append(next, toSend{p, j.base + uint64(j.sent)})
	}
	return next, suspect, false
}

// send sends appends. It reports whether all could be sent.
func (j *Journal) send(next []toSend) bool {
	for _, a := range next {
		header := nats.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(a.sequence-1, 10)}}
		if a.ttl > 0 {
			header[jetstream.MsgTTLHeader] = []string{wholeSeconds(a.ttl)}
		}
		if a.removal {
			header[operationHeader] = []string{operationDelete}
		}
		err := j.store.nc.PublishMsg(&nats.Msg{
			Subject: j.stream.root + a.token, Reply: j.inbox + "." + strconv.FormatUint(a.sequence, 10), Header: header, Data: a.value,
		})
		if err != nil {
			j.store.log.Debug("append not sent", zap.String("stream", j.stream.name), zap.Error(err))
			return false
		}
	}
	return true
}

// resync takes the journal over from itself to find out which of the sent appends are
// stored. The others are sent again.
func (j *Journal) resync() {
	j.store.log.Warn("journal out of sync", zap.String("stream", j.stream.name))
	before := time.Now()
	after, err := j.takeover(j.stop)
	if err != nil {
		j.fail(err)
		return
	}
	j.mu.Lock()
	var done []*Pending
	if j.err == nil {
		stored := min(after-j.base, uint64(j.sent))
		done = j.pop(int(stored))
		j.sent, j.bytes, j.base, j.desync = 0, 0, j.owner, false
		for _, p := range j.queue {
			p.stored = false
		}
	}
	waiting := len(j.queue)
	j.mu.Unlock()
	for _, p := range done {
		p.end(nil)
	}
	j.store.log.Info("journal in sync", zap.String("stream", j.stream.name), zap.Duration("took", time.Since(before)),
		zap.Int("stored", len(done)), zap.Int("waiting", waiting))
}

// check ends the journal if another writer has taken over.
func (j *Journal) check() {
	err := j.store.repeat(j.stop, func(ctx context.Context) error {
		owner, revision, err := j.readOwner(ctx)
		if err == nil && revision != j.owner {
			err = fmt.Errorf("%w: term %d has taken it over", ErrFenced, owner.Term)
		}
		return err
	})
	if err != nil {
		j.fail(err)
	}
}

// fail ends the journal. The writer has lost it after any error, except for the end of
// the store; that is ErrFenced.
func (j *Journal) fail(err error) {
	switch {
	case j.stop.Err() != nil:
		err = ErrClosed
	case !errors.Is(err, ErrFenced):
		err = fmt.Errorf("%w: %w", ErrFenced, err)
	}
	j.store.log.Warn("journal ended", zap.String("stream", j.stream.name), zap.Uint64("term", j.term), zap.Error(err))
	j.end(err)
}
