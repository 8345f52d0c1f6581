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
	// suspectAfter is the silence after which a member counts as dead.
	suspectAfter = 2 * time.Second
)

// Member is a replica.
type Member struct {
	ID      string `json:"id"`
	Address string `json:"address"` // where the others reach it
	// Key is the Ed25519 public key of its join tokens; empty: unknown.
	Key PublicKey `json:"key,omitempty"`
}

// PublicKey is the bytes of a key; base64 as text.
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

// heartbeat is the message that members send to each other.
type heartbeat struct {
	Member
	Run     string `json:"run"` // distinguishes processes with the same ID
	Leaving bool   `json:"leaving,omitempty"`
}

// Members knows which replicas are alive, by heartbeats in plain messages. It is safe for
// concurrent use. It sees a new member within half a second and misses a dead one after
// two. While NATS is unreachable no member counts as dead, since no heartbeat arrives.
type Members struct {
	store *Store
	self  heartbeat
	stop  context.CancelFunc
	done  chan struct{}

	mu             sync.Mutex
	seen           map[string]sighting // others, by id
	connectedSince time.Time           // silence before this moment does not count
	changed        chan struct{}
}

type sighting struct {
	heartbeat
	at time.Time
}

// Join makes this process a member until Leave, or until ctx ends. Members have different
// IDs. The address is for the caller's use.
func (s *Store) Join(ctx context.Context, self Member) *Members {
	ctx, cancel := s.bound(ctx)
	m := &Members{
		store: s, self: heartbeat{Member: self, Run: nuid.Next()}, stop: cancel, done: make(chan struct{}),
		seen: map[string]sighting{}, connectedSince: time.Now(), changed: make(chan struct{}, 1),
	}
	sub, err := s.nc.Subscribe(m.subject(), m.receive)
	if err != nil {
		s.log.Error("heartbeat subscription failed", zap.Error(err)) // only after Close
	}
	m.sendHeartbeat(false)
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

// Live are the live members, including this one, sorted by ID.
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

// IsLive reports whether the member is known and not silent. A new process knows all
// others within half a second.
func (m *Members) IsLive(id string) bool {
	if id == m.self.ID {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.seen[id]
	return ok
}

// Self is the ID of this member, and its run, which distinguishes processes with the same
// ID.
func (m *Members) Self() (id, run string) { return m.self.ID, m.self.Run }

// Dead reports whether a run of a member is over: its heartbeats are missing while others
// arrive, or a later process has its ID.
func (m *Members) Dead(id, run string) bool {
	if id == m.self.ID {
		return run != m.self.Run
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.seen[id]; ok {
		return s.Run != run
	}
	return time.Since(m.connectedSince) > suspectAfter
}

// Changed gets a value when Live has changed. Several changes may give one value.
func (m *Members) Changed() <-chan struct{} { return m.changed }

// Leave notifies the others immediately. Further calls do nothing.
func (m *Members) Leave() {
	m.stop()
	<-m.done
}

func (m *Members) sendHeartbeat(leaving bool) {
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

func (m *Members) receive(msg *nats.Msg) {
	var h heartbeat
	if json.Unmarshal(msg.Data, &h) != nil || h.ID == "" || h.Run == m.self.Run {
		return
	}
	if h.ID == m.self.ID {
		m.store.log.Debug("duplicate member id", zap.String("id", h.ID), zap.String("address", h.Address))
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
		m.sendHeartbeat(false) // without waiting for the next one
	}
	if known == h.Leaving || before.Member != h.Member || before.Run != h.Run {
		m.notify()
	}
}

func (m *Members) notify() {
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
			m.sendHeartbeat(true)
			_ = m.store.nc.FlushTimeout(heartbeatEvery)
			return
		case <-ticker.C:
		}
		m.sendHeartbeat(false)
		// A process that was suspended or disconnected has missed heartbeats of live
		// members.
		asleep := time.Since(last) > 2*heartbeatEvery
		last = time.Now()
		m.dropSilent(asleep || !m.store.Connected())
	}
}

// dropSilent drops members that were silent for too long. missed says that this process
// may have missed heartbeats.
func (m *Members) dropSilent(missed bool) {
	m.mu.Lock()
	now := time.Now()
	if missed {
		m.connectedSince = now
	}
	dropped := false
	if now.Sub(m.connectedSince) > suspectAfter {
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
		m.notify()
	}
}
