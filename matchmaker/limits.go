package matchmaker

import (
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/metrics"
	"tactus/matchmaker/internal/ratelimit"
)

// limitedKeys bounds the addresses or players remembered by each limit.
const limitedKeys = 50_000

// limits holds the rates of everything that costs more than looking.
type limits struct {
	metrics   *metrics.Metrics
	loopback  bool
	addresses *ratelimit.Limiter
	players   *ratelimit.Limiter
	codes     *ratelimit.Limiter
	rooms     *ratelimit.Limiter
}

func newLimits(r Rates, m *metrics.Metrics) *limits {
	return &limits{
		metrics:   m,
		loopback:  r.Loopback,
		addresses: ratelimit.New(r.AddressPerSecond, r.AddressBurst, limitedKeys),
		players:   ratelimit.New(r.PlayerPerSecond, r.PlayerBurst, limitedKeys),
		codes:     ratelimit.New(r.CodePerSecond, r.CodeBurst, limitedKeys),
		rooms:     ratelimit.New(r.RoomPerSecond, r.RoomBurst, limitedKeys),
	}
}

func (l *limits) ticket(address string) error {
	return l.byAddress(l.addresses, address, "address", failure.TooManyFromAddress)
}

func (l *limits) code(address string) error {
	return l.byAddress(l.codes, address, "code", failure.TooManyCodes)
}

func (l *limits) room(address string) error {
	if err := l.ticket(address); err != nil {
		return err
	}
	return l.byAddress(l.rooms, address, "room", failure.TooManyRooms)
}

func (l *limits) player(player, address string) error {
	if _, loopback := ratelimit.AddressKey(address); loopback && !l.loopback {
		return nil
	}
	if l.players.Allow(player) {
		return nil
	}
	return l.refuse(l.players, "player", failure.TooManyFromPlayer)
}

func (l *limits) byAddress(limiter *ratelimit.Limiter, address, name string, reason failure.Reason) error {
	key, loopback := ratelimit.AddressKey(address)
	if loopback && !l.loopback || limiter.Allow(key) {
		return nil
	}
	return l.refuse(limiter, name, reason)
}

// refuse says when the next one may be taken, or a little later: not sooner than
// what is usual for the reason.
func (l *limits) refuse(limiter *ratelimit.Limiter, name string, reason failure.Reason) error {
	l.metrics.RequestLimited(name)
	return failure.New(reason).RetryAfter(max(limiter.Every(), reason.Kind().Retry))
}
