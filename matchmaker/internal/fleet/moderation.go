package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"

	"tactus/protocol/rpc/feature"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// ErrOld is about a game server of a release that knows no moderation.
var ErrOld = errors.New("the game server is of an earlier release, which knows no moderation")

// bans is the list that all servers have. Its fields are guarded by the lock of the
// registry.
type bans struct {
	version uint64
	list    map[string]*fleetv1.Ban // by id; nil until the first change
}

// whole is the message with all bans.
func (b *bans) whole() *fleetv1.BanList {
	return &fleetv1.BanList{Version: b.version, Whole: true, Added: slices.Collect(maps.Values(b.list))}
}

// ChangeBans adds or replaces bans, removes those with the given ids, and sends the
// change to all servers. The first call makes the list known: servers that register
// before it keep the list that another matchmaker has sent.
func (r *Registry) ChangeBans(added []*fleetv1.Ban, removed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.bans.list == nil
	if first {
		r.bans.list = make(map[string]*fleetv1.Ban, len(added))
	}
	for _, id := range removed {
		delete(r.bans.list, id)
	}
	for _, b := range added {
		r.bans.list[b.GetId()] = b
	}
	r.bans.version++
	change := &fleetv1.BanList{Version: r.bans.version, Added: added, Removed: removed}
	for _, s := range r.servers {
		if first || s.bansVersion != r.bans.version-1 {
			r.bans.sendTo(s)
			continue
		}
		if s.moderated() && s.send(bansMessage(change)) {
			s.bansVersion = r.bans.version
		}
	}
}

// sendTo sends a server the whole list, if it has another one. One that can't be sent
// now follows the server's next report.
func (b *bans) sendTo(s *server) {
	if b.list != nil && s.moderated() && s.bansVersion != b.version && s.send(bansMessage(b.whole())) {
		s.bansVersion = b.version
	}
}

func bansMessage(l *fleetv1.BanList) *fleetv1.ConnectResponse {
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Bans{Bans: l}}
}

// moderated reports whether the server knows bans and moderation.
func (c *connection) moderated() bool { return slices.Contains(c.features, feature.Moderation) }

// Moderate asks a server for something and waits for its answer. The request id is set
// here. Errors: ErrGone, ErrOld, ErrBusy, ErrTimeout.
func (r *Registry) Moderate(ctx context.Context, serverID string, m *fleetv1.Moderate) (*fleetv1.Moderated, error) {
	r.mu.Lock()
	s := r.servers[serverID]
	r.mu.Unlock()
	switch {
	case s == nil:
		return nil, ErrGone
	case !s.moderated():
		return nil, ErrOld
	}
	id, answer := s.moderations.ask()
	defer s.moderations.forget(id)
	if !s.send(moderateMessage(m, id)) {
		return nil, ErrBusy
	}
	select {
	case a := <-answer:
		return a, nil
	case <-s.gone:
		return nil, ErrGone
	case <-ctx.Done():
		return nil, ErrTimeout
	}
}

func moderateMessage(m *fleetv1.Moderate, id string) *fleetv1.ConnectResponse {
	return &fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Moderate{
		Moderate: &fleetv1.Moderate{RequestId: id, Action: m.GetAction()},
	}}
}

// Moderation is a server's answer.
type Moderation struct {
	Server string
	Answer *fleetv1.Moderated
}

// ModerateAll asks all servers at once. It returns their answers by the servers' ids,
// and the servers that did not answer.
func (r *Registry) ModerateAll(ctx context.Context, m *fleetv1.Moderate) (answers []Moderation, silent []string) {
	r.mu.Lock()
	ids := slices.Sorted(maps.Keys(r.servers))
	r.mu.Unlock()
	all := make([]*fleetv1.Moderated, len(ids))
	var asking sync.WaitGroup
	for i, id := range ids {
		asking.Go(func() {
			if a, err := r.Moderate(ctx, id, m); err == nil {
				all[i] = a
			}
		})
	}
	asking.Wait()
	for i, a := range all {
		if a == nil {
			silent = append(silent, ids[i])
			continue
		}
		answers = append(answers, Moderation{ids[i], a})
	}
	return answers, silent
}

// moderations are what operators have asked a server for. It is safe for concurrent use.
type moderations struct {
	mu      sync.Mutex
	answers map[string]chan<- *fleetv1.Moderated // by request id
}

// ask begins a request. Its answer comes by the channel.
func (a *moderations) ask() (id string, answer <-chan *fleetv1.Moderated) {
	id = rand.Text()
	c := make(chan *fleetv1.Moderated, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[id] = c
	return id, c
}

// answer passes on a server's answer, once.
func (a *moderations) answer(m *fleetv1.Moderated) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.answers[m.GetRequestId()]; c != nil {
		delete(a.answers, m.GetRequestId())
		c <- m
	}
}

func (a *moderations) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.answers, id)
}
