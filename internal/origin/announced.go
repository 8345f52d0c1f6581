package origin

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// maxAnnounced bounds the entries of one source.
const maxAnnounced = 256

// Announced are the origins that other processes announce, as matchmakers do to game
// servers. While no source has announced any, all origins are allowed. Afterwards the
// announced ones are, and pages of the host name that they call, at any port. It is
// safe for concurrent use.
type Announced struct {
	local  Local
	policy atomic.Pointer[Policy] // nil: nothing is announced

	mu      sync.Mutex
	sources map[string]*source
}

// source is a process that has announced origins. Its entries outlive its connection:
// a process that is away must not change which pages may connect.
type source struct {
	entries     []string
	connections int
}

// NewAnnounced allows all origins until there is an announcement.
func NewAnnounced(local Local) *Announced {
	return &Announced{local: local, sources: make(map[string]*source)}
}

// Announce replaces the entries of a source, in the forms of [NewPolicy]. The entries of
// sources that have gone are forgotten then. The error names entries that can't be used;
// the others count. gone must be called when the connection to the source has ended.
func (a *Announced) Announce(name string, entries []string) (gone func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for other, s := range a.sources {
		if s.connections == 0 && other != name {
			delete(a.sources, other)
		}
	}
	s := a.sources[name]
	if s == nil {
		s = &source{}
		a.sources[name] = s
	}
	if len(entries) > maxAnnounced {
		entries, err = entries[:maxAnnounced], errors.New("more origins than a process can announce; the rest is ignored")
	}
	_, mistakes := NewPolicy(entries, a.local)
	s.entries = slices.Clone(entries)
	s.connections++
	a.publishLocked()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		s.connections--
	}, errors.Join(err, mistakes)
}

func (a *Announced) publishLocked() {
	var all []string
	for _, s := range a.sources {
		all = append(all, s.entries...)
	}
	if len(all) == 0 {
		a.policy.Store(nil)
		return
	}
	policy, _ := NewPolicy(all, a.local) // the mistakes were returned by Announce
	a.policy.Store(policy)
}

// Any reports whether all origins are allowed because nothing is announced.
func (a *Announced) Any() bool { return a.policy.Load() == nil }

// Allows reports whether a page may connect. host is the Host of its request.
func (a *Announced) Allows(origin, host string) bool {
	policy := a.policy.Load()
	return policy == nil || policy.Allows(origin, host) || sameName(origin, host)
}

// sameName reports whether a page comes from the host name that its request names, at
// any port.
func sameName(origin, host string) bool {
	o, ok := parse(origin)
	if !ok || o.scheme != "http" && o.scheme != "https" {
		return false
	}
	name, _, ok := SplitHost(host)
	return ok && name == o.host
}
