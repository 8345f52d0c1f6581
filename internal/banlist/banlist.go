// Package banlist finds the ban of a player or an address. Game servers and
// matchmakers look in the same kind of list.
package banlist

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tactus/internal/text"
)

const (
	// Most bounds the bans of a list.
	Most = 10_000
	// MaxReason bounds the reason of a ban, in bytes.
	MaxReason = 200
	// MaxCloseText is the longest reason of a close frame, in bytes (RFC 6455, section
	// 5.5: 125 bytes less the code).
	MaxCloseText = 123
	// minBits4 and minBits6 are the widest address ranges that can be banned.
	minBits4 = 24
	minBits6 = 48
)

// Ban keeps a player or the players of an address range out.
type Ban struct {
	ID       string
	Player   string       // either this
	Range    netip.Prefix // or this
	ChatOnly bool         // the player plays, and their chat is refused
	Until    time.Time    // zero: until it is removed
	Reason   string       // for the player; may be empty
}

// Sentence says to the player what the ban is, in full.
func (b *Ban) Sentence() string {
	s := "You are banned"
	if b.Player == "" {
		s = "Your network is banned"
	}
	if b.ChatOnly {
		s = "Your chat is off"
	}
	if !b.Until.IsZero() {
		s += " until " + b.Until.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return sentence(s, b.Reason)
}

// CloseText is the sentence, cut to the length of a close frame's reason.
func (b *Ban) CloseText() string { return text.Text(b.Sentence(), MaxCloseText) }

// KickText is the close frame's reason for a player that is taken out of a match.
func KickText(reason string) string {
	return text.Text(sentence("You were removed from the match", reason), MaxCloseText)
}

// EndText is the close frame's reason for the players of a match that is ended.
func EndText(reason string) string {
	return text.Text(sentence("The match was ended by an operator", reason), MaxCloseText)
}

func sentence(what, reason string) string {
	if reason == "" {
		return what + "."
	}
	return what + ": " + reason
}

// Over reports whether the ban has run out.
func (b *Ban) Over(now time.Time) bool { return !b.Until.IsZero() && !now.Before(b.Until) }

// ParseRange reads an address or a range in CIDR notation. It refuses ranges that hold
// more than 256 IPv4 addresses or a whole site of IPv6: a ban of those meets strangers.
func ParseRange(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if a, single := netip.ParseAddr(s); single == nil && a.Zone() == "" {
		a = a.Unmap()
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no range like 192.0.2.0/24 or 2001:db8::/48", s)
	}
	if p.Addr().Is4() && p.Bits() < minBits4 || p.Addr().Is6() && p.Bits() < minBits6 {
		return netip.Prefix{}, fmt.Errorf("%s is too wide: at most /%d for IPv4 and /%d for IPv6", s, minBits4, minBits6)
	}
	return p.Masked(), nil
}

// List is a list of bans. It is safe for concurrent use. Lookups take no lock.
type List struct {
	mu    sync.Mutex
	all   map[string]Ban
	index atomic.Pointer[index]
}

// index is what lookups read. It does not change.
type index struct {
	players map[string]Ban
	muted   map[string]Ban
	ranges  map[netip.Prefix]Ban
	bits    []int // the lengths of ranges; those of IPv6 have 1000 added
	next    time.Time
}

const offset6 = 1000 // tells the lengths of IPv6 prefixes from those of IPv4

// New makes an empty list.
func New() *List {
	l := &List{all: map[string]Ban{}}
	l.index.Store(&index{})
	return l
}

// Replace makes bans the whole list.
func (l *List) Replace(bans []Ban) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = make(map[string]Ban, len(bans))
	for _, b := range bans {
		l.all[b.ID] = b
	}
	l.rebuildLocked(time.Now())
}

// Change adds or replaces bans, and removes those with the given ids.
func (l *List) Change(added []Ban, removed []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range removed {
		delete(l.all, id)
	}
	for _, b := range added {
		l.all[b.ID] = b
	}
	l.rebuildLocked(time.Now())
}

// Expire forgets the bans that have run out. It costs nothing while there are none.
func (l *List) Expire(now time.Time) {
	if next := l.index.Load().next; next.IsZero() || now.Before(next) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rebuildLocked(now)
}

func (l *List) rebuildLocked(now time.Time) {
	x := &index{players: map[string]Ban{}, muted: map[string]Ban{}, ranges: map[netip.Prefix]Ban{}}
	lengths := map[int]bool{}
	for id, b := range l.all {
		if b.Over(now) {
			delete(l.all, id)
			continue
		}
		if !b.Until.IsZero() && (x.next.IsZero() || b.Until.Before(x.next)) {
			x.next = b.Until
		}
		switch {
		case b.Player == "":
			x.ranges[b.Range] = b
			lengths[lengthOf(b.Range.Addr(), b.Range.Bits())] = true
		case b.ChatOnly:
			x.muted[b.Player] = b
		default:
			x.players[b.Player] = b
		}
	}
	for n := range maps.Keys(lengths) {
		x.bits = append(x.bits, n)
	}
	l.index.Store(x)
}

func lengthOf(a netip.Addr, bits int) int {
	if a.Is6() {
		return bits + offset6
	}
	return bits
}

// All returns the bans of the list, in no order. The slice is the caller's.
func (l *List) All() []Ban {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Ban, 0, len(l.all))
	for _, b := range l.all {
		list = append(list, b)
	}
	return list
}

// Player returns the ban that keeps a player out.
func (l *List) Player(player string) (Ban, bool) {
	b, ok := l.index.Load().players[player]
	return b, ok && !b.Over(time.Now())
}

// Muted reports whether a player's chat is refused. It reads no clock: a ban that has
// run out holds until the next call of Expire.
func (l *List) Muted(player string) bool {
	_, muted := l.index.Load().muted[player]
	return muted
}

// Address returns the ban that keeps an address out. The zero address has none.
func (l *List) Address(a netip.Addr) (Ban, bool) {
	x := l.index.Load()
	a = a.Unmap().WithZone("")
	for _, n := range x.bits {
		if !a.IsValid() || a.Is6() != (n >= offset6) {
			continue
		}
		p, err := a.Prefix(n % offset6)
		if err != nil {
			continue
		}
		if b, ok := x.ranges[p]; ok && !b.Over(time.Now()) {
			return b, true
		}
	}
	return Ban{}, false
}

// Find returns the ban that keeps out a player who comes from an address.
func (l *List) Find(player string, a netip.Addr) (Ban, bool) {
	b, ok := l.Player(player)
	if !ok {
		b, ok = l.Address(a)
	}
	return b, ok
}

// Compare orders bans by player, range and id.
func Compare(a, b Ban) int {
	return cmp.Or(cmp.Compare(a.Player, b.Player), cmp.Compare(a.Range.String(), b.Range.String()), cmp.Compare(a.ID, b.ID))
}
