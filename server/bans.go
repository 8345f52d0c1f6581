package server

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tactus/internal/banlist"
	"tactus/internal/text"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// bans holds the lists of bans of all connected matchmakers. A ban holds while any of
// them has it, because a replica may be behind the others. While no matchmaker is
// connected, the last list counts. It is safe for concurrent use; lookups take no lock.
type bans struct {
	changed func([]banlist.Ban) // called with new bans, without any lock held

	mu    sync.Mutex
	lists atomic.Pointer[[]*banSource] // replaced as a whole
}

// banSource is the list of one stream. It implements fleet.BanList; owned by the
// stream.
type banSource struct {
	bans *bans
	list *banlist.List
	over bool // its stream has ended; kept as the last one. Guarded by the lock of bans
}

func newBans(changed func([]banlist.Ban)) *bans {
	b := &bans{changed: changed}
	b.lists.Store(&[]*banSource{})
	return b
}

// join begins the list of a stream.
func (b *bans) join() *banSource { return &banSource{bans: b, list: banlist.New()} }

// Apply applies what the matchmaker has sent; nil is the list of one that knows no
// bans, and changes nothing.
func (s *banSource) Apply(l *fleetv1.BanList) {
	if l == nil {
		return
	}
	added := make([]banlist.Ban, 0, len(l.GetAdded()))
	for _, m := range l.GetAdded() {
		if ban, ok := readBan(m); ok {
			added = append(added, ban)
		}
	}
	if l.GetWhole() {
		s.list.Replace(added)
		s.bans.add(s)
	} else {
		s.list.Change(added, l.GetRemoved())
	}
	if len(added) > 0 {
		s.bans.changed(added)
	}
}

// Close is called when the stream has ended.
func (s *banSource) Close() { s.bans.leave(s) }

// add adds a list and drops those that were kept because there was no other.
func (b *bans) add(s *banSource) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := []*banSource{s}
	for _, o := range *b.lists.Load() {
		if o != s && !o.over {
			next = append(next, o)
		}
	}
	b.lists.Store(&next)
}

func (b *bans) leave(s *banSource) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.over = true
	var next []*banSource
	for _, o := range *b.lists.Load() {
		if !o.over {
			next = append(next, o)
		}
	}
	if len(next) > 0 {
		b.lists.Store(&next)
	}
}

// find returns the ban that keeps out a player who comes from an address.
func (b *bans) find(player string, address netip.Addr) (banlist.Ban, bool) {
	for _, s := range *b.lists.Load() {
		if ban, ok := s.list.Find(player, address); ok {
			return ban, true
		}
	}
	return banlist.Ban{}, false
}

// muted reports whether a player's chat is refused. It allocates nothing.
func (b *bans) muted(player string) bool {
	for _, s := range *b.lists.Load() {
		if s.list.Muted(player) {
			return true
		}
	}
	return false
}

// expire forgets bans that have run out.
func (b *bans) expire(now time.Time) {
	for _, s := range *b.lists.Load() {
		s.list.Expire(now)
	}
}

func readBan(m *fleetv1.Ban) (banlist.Ban, bool) {
	ban := banlist.Ban{ID: m.GetId(), Player: m.GetPlayerId(), ChatOnly: m.GetChatOnly(), Reason: text.Text(m.GetReason(), banlist.MaxReason)}
	if ms := m.GetUntilUnixMs(); ms != 0 {
		ban.Until = time.UnixMilli(ms)
	}
	if ban.Player != "" {
		return ban, true
	}
	r, err := banlist.ParseRange(m.GetAddressRange())
	ban.Range = r
	return ban, err == nil
}
