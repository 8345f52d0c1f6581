// Package membership keeps records that players share, such as parties and rooms.
//
// A member holds a handle with a secret and watches the record. [Watchers] takes out
// members that are not watched. The first member owns the record; when that member
// leaves, the next one does. Any replica can change any record: a change applies only
// to the revision that it was made from.
package membership

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/store"
)

var (
	// ErrUnknown is returned for a code without a record and for a handle without a
	// member.
	ErrUnknown = errors.New("there is no such record, or no such member of it")
	// ErrFull is returned to a player when there is no place left.
	ErrFull = errors.New("there is no place left")
	// ErrFirst is returned to a member that does not own the record.
	ErrFirst = errors.New("only the first member can do this")
	// ErrUnchanged is returned by an edit that has nothing to change. The change
	// itself then succeeds.
	ErrUnchanged = errors.New("nothing has changed")
)

const codeDraws = 10

// Member is one player of a record.
type Member struct {
	Secret string // of the member's handle
	Player string
	Name   string
	Watch  string // the newest watcher of that handle
	// Earlier are the handles that the player had before, in another tab for
	// instance. They are valid as long as they are watched.
	Earlier []Handle `json:",omitempty"`
	Ticket  string   // the member's handle of the present search, if there is one

	Room string `json:",omitempty"` // of a party's member: the handle in the room that the party has entered

	Party string    `json:",omitempty"` // of a room's member: code of the party with which the member came
	Ready bool      `json:",omitempty"`
	Match string    `json:",omitempty"` // that Ticket is for
	Since time.Time `json:",omitzero"`  // when Ticket was made
	// Plain members came by a ticket and are not watched. They stay for its search and
	// its match.
	Plain bool `json:",omitempty"`
}

// Handle is one of the handles of a member.
type Handle struct {
	Secret string
	Watch  string // its newest watcher
}

// maxEarlier bounds the earlier handles of a member.
const maxEarlier = 3

// NewSecret draws the secret of a member's handle, or the name of a watcher.
func NewSecret() string { return strings.ToLower(rand.Text()[:16]) }

// notYet begins the placeholder for a member's watcher before the first one.
const notYet = "-"

// NewMember makes a member without a watcher. process ends the name of its placeholder:
// that process waits for the first watcher.
func NewMember(player, name, process string) Member {
	return Member{Secret: NewSecret(), Player: player, Name: name, Watch: notYet + NewSecret() + process}
}

// Watched reports whether the member has, or had, a watcher.
func (m *Member) Watched() bool {
	return slices.ContainsFunc(m.Handles(), func(h Handle) bool { return !strings.HasPrefix(h.Watch, notYet) })
}

// Handles are all handles of the member, the newest first.
func (m *Member) Handles() []Handle {
	return append([]Handle{{m.Secret, m.Watch}}, m.Earlier...)
}

// WatchOf is the newest watcher of the member's handle with this secret.
func (m *Member) WatchOf(secret string) string {
	if h := m.earlier(secret); h != nil {
		return h.Watch
	}
	return m.Watch
}

func (m *Member) earlier(secret string) *Handle {
	for i := range m.Earlier {
		if sameSecret(m.Earlier[i].Secret, secret) {
			return &m.Earlier[i]
		}
	}
	return nil
}

// renew gives the member a newer handle.
func (m *Member) renew(by *Member) {
	if m.Secret != by.Secret {
		earlier := m.Handles()
		m.Earlier = earlier[:min(len(earlier), maxEarlier)]
	}
	m.Secret, m.Watch, m.Name, m.Plain = by.Secret, by.Watch, by.Name, by.Plain
}

// drop removes a handle. It returns false for the last one.
func (m *Member) drop(secret string) bool {
	switch {
	case m.earlier(secret) != nil:
		m.Earlier = slices.DeleteFunc(m.Earlier, func(h Handle) bool { return sameSecret(h.Secret, secret) })
	case len(m.Earlier) > 0:
		m.Secret, m.Watch, m.Earlier = m.Earlier[0].Secret, m.Earlier[0].Watch, m.Earlier[1:]
	default:
		return false
	}
	return true
}

func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Head is the part that all records share.
type Head struct {
	Code    string
	Members []Member
	Touched time.Time `json:",omitzero"` // the last change
}

// Top is the head itself.
func (h *Head) Top() *Head { return h }

// Member finds the member with a secret.
func (h *Head) Member(secret string) (int, bool) {
	for i := range h.Members {
		if m := &h.Members[i]; sameSecret(m.Secret, secret) || m.earlier(secret) != nil {
			return i, true
		}
	}
	return 0, false
}

// Find finds a player.
func (h *Head) Find(player string) int {
	return slices.IndexFunc(h.Members, func(m Member) bool { return m.Player == player })
}

// Enter adds members, all or none. A player that is a member already gets the new handle
// beside the old one.
func (h *Head) Enter(most int, members ...Member) error {
	next := slices.Clone(h.Members)
	for _, m := range members {
		at := slices.IndexFunc(next, func(o Member) bool { return o.Player == m.Player })
		if at < 0 {
			next = append(next, m)
			continue
		}
		o := &next[at]
		o.renew(&m)
		if m.Party != "" {
			o.Party = m.Party
		}
	}
	if len(next) > most {
		return ErrFull
	}
	h.Members = next
	return nil
}

// Record is the constraint of a kind of records: a pointer to a struct with a Head.
type Record[T any] interface {
	*T
	Top() *Head
}

// Config describes a kind of records.
type Config struct {
	Bucket  string
	Name    string // for people and subjects: party
	Prefix  string // of handles
	Life    time.Duration
	Durable bool // outlives the process
	Empty   bool // stays without members
}

// Records holds all records of one kind.
type Records[T any, R Record[T]] struct {
	cfg    Config
	store  *store.Store
	bucket *store.Bucket
}

// New opens the records of a store.
func New[T any, R Record[T]](ctx context.Context, s *store.Store, cfg Config) (*Records[T, R], error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: cfg.Bucket, TTL: cfg.Life, Durable: cfg.Durable})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Bucket, err)
	}
	return &Records[T, R]{cfg: cfg, store: s, bucket: bucket}, nil
}

// Handle makes the handle of a member.
func (rs *Records[T, R]) Handle(code, secret string) string {
	return rs.cfg.Prefix + "." + code + "." + secret
}

// Split returns the parts of a handle. It checks their form alone.
func (rs *Records[T, R]) Split(handle string) (code, secret string, ok bool) {
	parts := strings.Split(handle, ".")
	if len(parts) != 3 || parts[0] != rs.cfg.Prefix || parts[1] == "" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// Create stores a new record under a code that it draws.
func (rs *Records[T, R]) Create(ctx context.Context, r R) error {
	for range codeDraws {
		r.Top().Code = code.New()
		err := rs.CreateAs(ctx, r)
		if !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return fmt.Errorf("no free code for a %s was found; try again", rs.cfg.Name)
}

// CreateAs stores a new record under the code that it has. Errors: store.ErrExists.
func (rs *Records[T, R]) CreateAs(ctx context.Context, r R) error {
	r.Top().Touched = time.Now()
	_, err := rs.bucket.Create(ctx, r.Top().Code, encode[T](r))
	return err
}

// Get reads a record.
func (rs *Records[T, R]) Get(ctx context.Context, code string) (R, error) {
	r, _, err := rs.get(ctx, code)
	return r, err
}

func (rs *Records[T, R]) get(ctx context.Context, code string) (R, uint64, error) {
	entry, err := rs.bucket.Get(ctx, code)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, ErrUnknown
	}
	if err != nil {
		return nil, 0, err
	}
	r, err := decode[T, R](entry)
	return r, entry.Revision, err
}

// Find returns the record of a member's handle and the member's index.
func (rs *Records[T, R]) Find(ctx context.Context, handle string) (R, int, error) {
	code, secret, ok := rs.Split(handle)
	if !ok {
		return nil, 0, ErrUnknown
	}
	r, err := rs.Get(ctx, code)
	if err != nil {
		return nil, 0, err
	}
	at, ok := r.Top().Member(secret)
	if !ok {
		return nil, 0, ErrUnknown
	}
	return r, at, nil
}

// Change applies an edit, and repeats it when the record has changed meanwhile. An error
// of the edit is returned, and nothing changes.
func (rs *Records[T, R]) Change(ctx context.Context, code string, edit func(R) error) (R, error) {
	for {
		r, revision, err := rs.get(ctx, code)
		if err != nil {
			return nil, err
		}
		if err := edit(r); errors.Is(err, ErrUnchanged) {
			return r, nil
		} else if err != nil {
			return nil, err
		}
		r.Top().Touched = time.Now()
		if len(r.Top().Members) == 0 && !rs.cfg.Empty {
			err = rs.bucket.Delete(ctx, code, revision)
		} else {
			_, err = rs.bucket.Update(ctx, code, encode[T](r), revision)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			_ = rs.store.Publish(rs.subject(code), nil) // a hint; watchers also read at intervals
		}
		return r, err
	}
}

// ChangeBy is Change by a member; edit gets its index.
func (rs *Records[T, R]) ChangeBy(ctx context.Context, handle string, edit func(r R, at int) error) (R, int, error) {
	code, secret, ok := rs.Split(handle)
	if !ok {
		return nil, 0, ErrUnknown
	}
	at := 0
	r, err := rs.Change(ctx, code, func(r R) error {
		if at, ok = r.Top().Member(secret); !ok {
			return ErrUnknown
		}
		return edit(r, at)
	})
	return r, at, err
}

// Watched records the newest watcher of a member's handle.
func (rs *Records[T, R]) Watched(ctx context.Context, handle, watch string) (R, int, error) {
	return rs.ChangeBy(ctx, handle, func(r R, at int) error {
		m := &r.Top().Members[at]
		m.Plain = false
		_, secret, _ := rs.Split(handle)
		if h := m.earlier(secret); h != nil {
			h.Watch = watch
		} else {
			m.Watch = watch
		}
		return nil
	})
}

// RemoveHandle removes a handle. If it was the member's last one, the member is taken out and
// returned; otherwise the zero member is. With watch, only if that is still the
// handle's newest watcher. after, if set, gets the record without the member.
func (rs *Records[T, R]) RemoveHandle(ctx context.Context, handle, watch string, after func(R)) (left Member, r R, err error) {
	r, _, err = rs.ChangeBy(ctx, handle, func(r R, at int) error {
		top := r.Top()
		left = Member{}
		_, secret, _ := rs.Split(handle)
		if watch != "" && top.Members[at].WatchOf(secret) != watch {
			return ErrUnknown
		}
		if top.Members[at].drop(secret) {
			return nil
		}
		left = top.Members[at]
		top.Members = slices.Delete(top.Members, at, at+1)
		if after != nil {
			after(r)
		}
		return nil
	})
	return left, r, err
}

// WatchOf is the newest watcher of a handle. at is the index of its member.
func (rs *Records[T, R]) WatchOf(r R, at int, handle string) string {
	_, secret, _ := rs.Split(handle)
	return r.Top().Members[at].WatchOf(secret)
}

// Changed calls hint when the record may have changed, until unsubscribe is called.
// Hints can be lost: the caller also reads at intervals.
func (rs *Records[T, R]) Changed(handle string, hint func()) (unsubscribe func(), err error) {
	code, _, ok := rs.Split(handle)
	if !ok {
		return nil, ErrUnknown
	}
	return rs.store.Subscribe(rs.subject(code), func([]byte) { hint() })
}

func (rs *Records[T, R]) subject(code string) string { return rs.cfg.Name + "." + code }

// Follow calls f with each record and then with each change, until ctx ends. A nil
// record means that it is gone.
func (rs *Records[T, R]) Follow(ctx context.Context, f func(code string, r R)) error {
	return rs.bucket.Follow(ctx, func(code string, e *store.Entry) {
		if e == nil {
			f(code, nil)
		} else if r, err := decode[T, R](*e); err == nil {
			f(code, r)
		}
	})
}

func decode[T any, R Record[T]](e store.Entry) (R, error) {
	r := R(new(T))
	if err := json.Unmarshal(e.Value, r); err != nil {
		return nil, fmt.Errorf("record %s: %w", e.Key, err)
	}
	return r, nil
}

func encode[T any, R Record[T]](r R) []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("membership: a record can't be encoded: %v", err)) // it holds plain values alone
	}
	return data
}
