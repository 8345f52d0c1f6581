package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	firstPause = 20 * time.Millisecond // between two attempts, doubled up to
	lastPause  = 250 * time.Millisecond

	statusHeader  = "Status" // of an answer without a message
	statusMissing = "404"
	statusEnd     = "204" // of a page
	pendingHeader = "Nats-Num-Pending"

	maxHeaders = 1024 // bytes kept free for subject and headers of a message.
)

// Codes of JetStream errors without a name in its client.
const (
	errCodeNoPeers    jetstream.ErrorCode = 10005 // too few nodes at the moment
	errCodeNoReplicas jetstream.ErrorCode = 10074 // a single node can't replicate
	errCodeUnderWay   jetstream.ErrorCode = 10158 // an earlier attempt is being stored
	errCodeIncomplete jetstream.ErrorCode = 10176 // part of a batch got lost
)

// Reasons why a write was refused.
var (
	// errWrongSequence: the stream or subject has a newer message. Not stored.
	errWrongSequence = errors.New("wrong last sequence")
	// errUncertain: there is no answer, or it leaves the outcome open. The write may be
	// stored, now or soon.
	errUncertain = errors.New("no certain answer from NATS")
)

// stream reads and writes one JetStream stream.
type stream struct {
	store *Store
	name  string
	root  string // subject of its messages without the last token; ends with a dot
}

// message is one stored message.
type message struct {
	Subject  string
	Sequence uint64
	Header   nats.Header
	Data     []byte
}

// key decodes the last token of a subject.
func (st *stream) key(subject string) (string, error) {
	if len(subject) <= len(st.root) || subject[:len(st.root)] != st.root {
		return "", errBadToken
	}
	return decodeKey(subject[len(st.root):])
}

// stream creates a stream or updates it to the configuration. It tries until ctx ends.
// If two replicas have different configurations, the last one holds.
func (s *Store) stream(ctx context.Context, cfg jetstream.StreamConfig, root string) (*stream, error) {
	cfg.Replicas = s.cfg.Replicas
	cfg.AllowDirect = true
	cfg.DenyDelete = true
	err := s.repeat(ctx, func(ctx context.Context) error {
		have, err := s.js.Stream(ctx, cfg.Name)
		if err == nil && sameStream(have.CachedInfo().Config, cfg) {
			return nil
		}
		_, err = s.js.CreateOrUpdateStream(ctx, cfg)
		return transient(err)
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", cfg.Name, err)
	}
	return &stream{store: s, name: cfg.Name, root: root}, nil
}

// sameStream compares the settings that a Config of this package can change.
func sameStream(a, b jetstream.StreamConfig) bool {
	return a.Replicas == b.Replicas && a.MaxAge == b.MaxAge && a.Storage == b.Storage &&
		a.MaxMsgsPerSubject == b.MaxMsgsPerSubject && a.SubjectDeleteMarkerTTL == b.SubjectDeleteMarkerTTL &&
		a.AllowAtomicPublish == b.AllowAtomicPublish
}

// transient marks errors after which a retry makes sense.
func transient(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil, errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject), errors.Is(err, nats.ErrHeadersNotSupported):
		return err
	case errors.As(err, &api) && api.ErrorCode == errCodeNoReplicas:
		return fmt.Errorf("NATS is not a cluster: set the replicas of the store to 1: %w", err)
	case errors.As(err, &api) && api.ErrorCode != errCodeNoPeers && api.ErrorCode != errCodeUnderWay && api.Code < 429:
		return err
	}
	return fmt.Errorf("%w: %w", errUncertain, err)
}

// repeat calls f until its error is not errUncertain, or ctx ends. Each call has the
// store's timeout.
func (s *Store) repeat(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		once, done := context.WithTimeout(ctx, s.cfg.Timeout)
		err := f(once)
		done()
		if !errors.Is(err, errUncertain) {
			return err
		}
		if !pause(ctx, wait) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

// request sends one message and waits for the answer.
func (s *Store) request(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	reply, err := s.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, transient(err)
	}
	return reply, nil
}

// answer is the answer of the server to a write.
type answer struct {
	Sequence  uint64              `json:"seq"`
	Duplicate bool                `json:"duplicate"`
	Error     *jetstream.APIError `json:"error"`
}

func parseAnswer(data []byte) (uint64, error) {
	var a answer
	switch err := json.Unmarshal(data, &a); {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errUncertain, err)
	case a.Error == nil:
		return a.Sequence, nil
	case a.Error.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return 0, errWrongSequence
	case a.Error.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		// Replicated streams: another write of the subject is under way. It may be an
		// earlier attempt of this one.
		return 0, fmt.Errorf("%w: %w", errUncertain, a.Error)
	default:
		return 0, transient(a.Error)
	}
}

// write stores a message under token. expect, if not nil, is the sequence that the last
// message of the token must have; 0: there is none. write repeats until the outcome is
// certain or ctx ends. errWrongSequence is certain with one exception: the write was
// stored, its answer lost, and another writer has replaced it since. ttl is in whole
// seconds; 0: none.
func (st *stream) write(ctx context.Context, token string, header nats.Header, data []byte, expect *uint64, ttl time.Duration) (uint64, error) {
	if len(data) > int(st.store.nc.MaxPayload())-maxHeaders-len(token) {
		return 0, ErrTooLarge
	}
	if header == nil {
		header = nats.Header{}
	}
	id := nuid.Next()
	header[jetstream.MsgIDHeader] = []string{id}
	if expect != nil {
		header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(*expect, 10)}
	}
	if ttl > 0 {
		header[jetstream.MsgTTLHeader] = []string{wholeSeconds(ttl)}
	}
	m := &nats.Msg{Subject: st.root + token, Header: header, Data: data}
	var sequence uint64
	uncertain := false
	err := st.store.repeat(ctx, func(ctx context.Context) error {
		reply, err := st.store.request(ctx, m)
		if err == nil {
			sequence, err = parseAnswer(reply.Data)
		}
		if errors.Is(err, errWrongSequence) && uncertain {
			// Was it an earlier attempt of this write?
			var last message
			if last, err = st.lastFromLeader(ctx, m.Subject); err == nil && last.Header.Get(jetstream.MsgIDHeader) == id {
				sequence = last.Sequence
				return nil
			}
			if err == nil || errors.Is(err, ErrNotFound) {
				err = errWrongSequence
			}
		}
		uncertain = uncertain || errors.Is(err, errUncertain)
		return err
	})
	return sequence, err
}

// wholeSeconds formats a TTL for NATS, rounded up.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10) + "s"
}

// last reads the newest message of token from any replica of the stream. The replica may
// be a little behind, but it answers also without a leader.
func (st *stream) last(ctx context.Context, token string) (message, error) {
	var found message
	err := st.store.repeat(ctx, func(ctx context.Context) error {
		reply, err := st.store.request(ctx, &nats.Msg{Subject: "$JS.API.DIRECT.GET." + st.name + "." + st.root + token})
		if errors.Is(err, nats.ErrNoResponders) {
			if _, missing := st.store.js.Stream(ctx, st.name); errors.Is(missing, jetstream.ErrStreamNotFound) {
				return ErrNotFound
			}
		}
		if err != nil {
			return err
		}
		if reply.Header.Get(statusHeader) == statusMissing {
			return ErrNotFound
		}
		found, err = directMessage(reply)
		return err
	})
	return found, err
}

// lastFromLeader makes one attempt to read the newest message of a subject that is
// certainly stored.
func (st *stream) lastFromLeader(ctx context.Context, subject string) (message, error) {
	body, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return message{}, err
	}
	reply, err := st.store.request(ctx, &nats.Msg{Subject: "$JS.API.STREAM.MSG.GET." + st.name, Data: body})
	if err != nil {
		return message{}, err
	}
	var got struct {
		Message *struct {
			Subject  string `json:"subject"`
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"`
			Data     []byte `json:"data"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &got); err != nil {
		return message{}, fmt.Errorf("%w: %w", errUncertain, err)
	}
	switch {
	case got.Error != nil && got.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return message{}, ErrNotFound
	case got.Error != nil:
		return message{}, transient(got.Error)
	case got.Message == nil:
		return message{}, fmt.Errorf("%w: an answer without message", errUncertain)
	}
	m := message{Subject: got.Message.Subject, Sequence: got.Message.Sequence, Data: got.Message.Data}
	if len(got.Message.Header) > 0 {
		if m.Header, err = nats.DecodeHeadersMsg(got.Message.Header); err != nil {
			return message{}, fmt.Errorf("message %d of %s: %w", m.Sequence, st.name, err)
		}
	}
	return m, nil
}

func directMessage(reply *nats.Msg) (message, error) {
	sequence, err := strconv.ParseUint(reply.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return message{}, fmt.Errorf("%w: an answer without sequence: %q", errUncertain, reply.Header)
	}
	return message{Subject: reply.Header.Get(jetstream.SubjectHeader), Sequence: sequence, Header: reply.Header, Data: reply.Data}, nil
}

// lastSequence asks the leader for the sequence of the last message, which may be
// deleted.
func (st *stream) lastSequence(ctx context.Context) (uint64, error) {
	var sequence uint64
	err := st.store.repeat(ctx, func(ctx context.Context) error {
		var err error
		sequence, err = st.askLastSequence(ctx)
		return err
	})
	return sequence, err
}

// askLastSequence makes one attempt of lastSequence.
func (st *stream) askLastSequence(ctx context.Context) (uint64, error) {
	info, err := st.store.js.Stream(ctx, st.name)
	if err != nil {
		return 0, transient(err)
	}
	return info.CachedInfo().State.LastSeq, nil
}

const (
	pageMessages = 4096
	pageBytes    = 4 << 20
)

// scan reads all messages from sequence first on, in order, from any replica of the
// stream. The newest messages may be missing. It ends with the first error of f.
func (st *stream) scan(ctx context.Context, first uint64, f func(message) error) error {
	for {
		var (
			page []message
			more bool
		)
		err := st.store.repeat(ctx, func(context.Context) error {
			var err error
			page, more, err = st.page(ctx, first) // not all within one timeout
			return err
		})
		if err != nil {
			return err
		}
		for i := range page {
			if err := f(page[i]); err != nil {
				return err
			}
			first = page[i].Sequence + 1
		}
		if !more {
			return nil
		}
	}
}

// page reads messages from sequence first on, as many as the server sends in one answer.
// Without an error there is at least one message, or more is false.
func (st *stream) page(ctx context.Context, first uint64) (page []message, more bool, err error) {
	nc := st.store.bulk
	// A separate inbox, so that late messages of an earlier page do not arrive here.
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, false, transient(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	body := fmt.Appendf(nil, `{"seq":%d,"batch":%d,"max_bytes":%d}`, max(first, 1), pageMessages, pageBytes)
	if err := nc.PublishRequest("$JS.API.DIRECT.GET."+st.name, inbox, body); err != nil {
		return nil, false, transient(err)
	}
	for before := uint64(0); ; {
		reply, err := sub.NextMsg(patience * st.store.cfg.Timeout)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return page, true, partial(page, err)
		}
		switch status := reply.Header.Get(statusHeader); status {
		case "":
		case statusEnd:
			return page, reply.Header.Get(pendingHeader) != "0" && len(page) > 0, nil
		case statusMissing:
			return page, false, nil
		default:
			return page, true, partial(page, fmt.Errorf("status %s %s", status, reply.Header.Get("Description")))
		}
		m, err := directMessage(reply)
		if err != nil {
			return page, true, partial(page, err)
		}
		if last := reply.Header.Get(jetstream.LastSequenceHeader); last != strconv.FormatUint(before, 10) {
			return page, true, partial(page, fmt.Errorf("a message before %d got lost", m.Sequence))
		}
		before = m.Sequence
		page = append(page, m)
	}
}

// partial accepts a page that ended early if it has messages.
func partial(page []message, err error) error {
	if len(page) > 0 {
		return nil
	}
	return transient(err)
}
