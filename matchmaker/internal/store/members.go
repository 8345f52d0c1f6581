package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"go.uber.org/zap"
)

const (
	heartbeatEvery = 500 * time.Millisecond
	// suspectAfter is how long a member may be silent.
	suspectAfter = 2 * time.Second
)

// Member is one replica.
type Member struct {
	ID      string `json:"id"`
	Address string `json:"address"` // where the others reach it
	// Key is the Ed25519 public key that it signs join tokens with; empty: not
	// told.
	Key PublicKey `json:"key,omitempty"`
}

// PublicKey is a key's bytes, in base64 where it is text.
type PublicKey string

// MarshalText implements [encoding.TextMarshaler].
func (k PublicKey) MarshalText() ([]byte, error) {
	return base64.RawStdEncoding.AppendEncode(nil, []byte(k)), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *PublicKey) UnmarshalText(text []byte) error {
	key, err := base64.RawStdEncoding.AppendDecode(nil, text)
	*k = PublicKey(key)
	return err
}

// heartbeat is what members tell each other.
type heartbeat struct {
	Member
	Run     string `json:"run"` // tells a process from an earlier one of the same id
	Leaving bool   `json:"leaving,omitempty"`
}

// Members knows which replicas live, by heartbeats over plain messages: it takes
// half a second to see one come and two to miss it. While NATS is out of reach
// it keeps what it knew: who hears nobody can't tell who is dead.
type Members struct {
	store *Store
	self  heartbeat
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex
	seen    map[string]sighting // others, by id
	deaf    time.Time           // silence counts only from here on
	changed chan struct{}
}

type sighting struct {
	heartbeat
	at time.Time
}

// Join makes this process a member until Leave or ctx ends. IDs must be
// different; the address is for the caller's use.
func (s *Store) Join(ctx context.Context, self Member) *Members {
	ctx, cancel := s.bound(ctx)
	m := &Members{
		store: s, self: heartbeat{Member: self, Run: nuid.Next()}, stop: cancel, done: make(chan struct{}),
		seen: map[string]sighting{}, deaf: time.Now(), changed: make(chan struct{}, 1),
	}
	sub, err := s.nc.Subscribe(m.subject(), m.hear)
	if err != nil {
		s.log.Error("members can't be heard", zap.Error(err)) // only after Close
	}
	m.beat(false)
	s.tasks.Go(func() {
		defer close(m.done)
		m.run(ctx)
		if sub != nil {
			_ = sub.Unsubscribe()
		}
	})
	return m
}

func (m *Members) subject() string { return m.store.cfg.Name + ".members" }

// Live members, this one included, sorted by id.
func (m *Members) Live() []Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := []Member{m.self.Member}
	for _, s := range m.seen {
		live = append(live, s.Member)
	}
	slices.SortFunc(live, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return live
}

// IsLive reports whether the member is known and not silent. A process that has
// just joined hears from all others within half a second.
func (m *Members) IsLive(id string) bool {
	if id == m.self.ID {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.seen[id]
	return ok
}

// Self is this member and its run, which tells the process from an earlier one of
// the same id.
func (m *Members) Self() (id, run string) { return m.self.ID, m.self.Run }

// Dead reports that a run of a member is over: it was not heard and would have
// been, or a later process has its id.
func (m *Members) Dead(id, run string) bool {
	if id == m.self.ID {
		return run != m.self.Run
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.seen[id]; ok {
		return s.Run != run
	}
	return time.Since(m.deaf) > suspectAfter
}

// Changed gets a value after Live has changed; several changes may be one.
func (m *Members) Changed() <-chan struct{} { return m.changed }

// Leave tells the others at once. Idempotent.
func (m *Members) Leave() {
	m.stop()
	<-m.done
}

func (m *Members) beat(leaving bool) {
	h := m.self
	h.Leaving = leaving
	data, err := json.Marshal(h)
	if err == nil {
		err = m.store.nc.Publish(m.subject(), data)
	}
	if err != nil {
		m.store.log.Debug("heartbeat not sent", zap.Error(err))
	}
}

func (m *Members) hear(msg *nats.Msg) {
	var h heartbeat
	if json.Unmarshal(msg.Data, &h) != nil || h.ID == "" || h.Run == m.self.Run {
		return
	}
	if h.ID == m.self.ID {
		m.store.log.Debug("another process has this member's id", zap.String("id", h.ID), zap.String("address", h.Address))
		return
	}
	m.mu.Lock()
	before, known := m.seen[h.ID]
	switch {
	case h.Leaving && known && before.Run == h.Run:
		delete(m.seen, h.ID)
	case h.Leaving:
	default:
		m.seen[h.ID] = sighting{h, time.Now()}
	}
	m.mu.Unlock()
	if !known && !h.Leaving {
		m.beat(false) // so that it need not wait for the next one
	}
	if known == h.Leaving || before.Member != h.Member || before.Run != h.Run {
		m.tell()
	}
}

func (m *Members) tell() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *Members) run(ctx context.Context) {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			m.beat(true)
			_ = m.store.nc.FlushTimeout(heartbeatEvery)
			return
		case <-ticker.C:
		}
		m.beat(false)
		// A process that was asleep, or cut off, has missed the others' heartbeats
		// through no fault of theirs.
		asleep := time.Since(last) > 2*heartbeatEvery
		last = time.Now()
		m.forget(asleep || !m.store.Connected())
	}
}

// forget drops who was silent for too long, unless this process was deaf.
func (m *Members) forget(deaf bool) {
	m.mu.Lock()
	now := time.Now()
	if deaf {
		m.deaf = now
	}
	dropped := false
	if now.Sub(m.deaf) > suspectAfter {
		for id, s := range m.seen {
			if now.Sub(s.at) > suspectAfter {
				delete(m.seen, id)
				dropped = true
				m.store.log.Info("member is silent", zap.String("id", id))
			}
		}
	}
	m.mu.Unlock()
	if dropped {
		m.tell()
	}
}
