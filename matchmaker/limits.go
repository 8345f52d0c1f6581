package matchmaker

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/ratelimit"
)

// limitedKeys bounds the addresses or players remembered by each limit.
const limitedKeys = 50_000

// limits holds the rates of everything that costs more than looking.
type limits struct {
	metrics   *metrics
	loopback  bool
	addresses *ratelimit.Limiter
	players   *ratelimit.Limiter
	codes     *ratelimit.Limiter
	rooms     *ratelimit.Limiter
}

func newLimits(r Rates, m *metrics) *limits {
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
	return l.byAddress(l.addresses, address, "address", "too many searches from your network; try again in a moment")
}

func (l *limits) code(address string) error {
	return l.byAddress(l.codes, address, "code", "too many room codes tried from your network; try again in a minute")
}

func (l *limits) room(address string) error {
	if err := l.ticket(address); err != nil {
		return err
	}
	return l.byAddress(l.rooms, address, "room", "too many rooms opened from your network; try again in a minute")
}

func (l *limits) player(player, address string) error {
	if _, loopback := ratelimit.AddressKey(address); loopback && !l.loopback {
		return nil
	}
	if l.players.Allow(player) {
		return nil
	}
	return l.refuse("player", "you search too often; try again in a moment")
}

func (l *limits) byAddress(limiter *ratelimit.Limiter, address, name, sentence string) error {
	key, loopback := ratelimit.AddressKey(address)
	if loopback && !l.loopback || limiter.Allow(key) {
		return nil
	}
	return l.refuse(name, sentence)
}

func (l *limits) refuse(name, sentence string) error {
	l.metrics.limited.WithLabelValues(name).Inc()
	return status.Error(codes.ResourceExhausted, sentence)
}
