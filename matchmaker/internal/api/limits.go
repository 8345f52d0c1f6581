package api

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/publicport"
	"tactus/internal/ratelimit"
	"tactus/matchmaker/internal/failure"
)

// limitedPatience is how long a request over its rate waits before it is refused.
const limitedPatience = 2 * time.Second

// Rates limits how often players may ask, and how much they may have. A rate is a token
// bucket: per second, and at most Burst at once. Those of an address hold for an IPv4
// address or an IPv6 /64; a /56 gets twice as much. A value below zero means no limit.
type Rates struct {
	AddressPerSecond float64 // tickets, parties, rooms, and changes of rooms
	AddressBurst     int
	PlayerPerSecond  float64 // tickets of one player
	PlayerBurst      int
	CodePerSecond    float64 // wrong codes of rooms and parties from an address
	CodeBurst        int
	ReadPerSecond    float64 // all other calls of an address
	ReadBurst        int
	PlayerRooms      int // rooms of one player
	AddressRooms     int // rooms opened from an address
	Watches          int // streams of an address
}

// Limits applies the rates. Its methods wait for up to two seconds, and then return the
// failure of a request that comes too often. It is safe for concurrent use.
type Limits struct {
	limited *prometheus.CounterVec
	tickets *ratelimit.Addresses
	players *ratelimit.Limiter[string]
	codes   *ratelimit.Addresses
	reads   *ratelimit.Addresses
	starts  *ratelimit.Addresses // of watches
	watches *watches
	rooms   *roomCounts
}

// NewLimits makes limits. limited counts their rejections.
func NewLimits(r Rates, limited *prometheus.CounterVec) *Limits {
	return &Limits{
		limited: limited,
		tickets: ratelimit.NewAddresses(r.AddressPerSecond, r.AddressBurst, ratelimit.Keys),
		players: ratelimit.New[string](r.PlayerPerSecond, r.PlayerBurst, ratelimit.Keys),
		codes:   ratelimit.NewAddresses(r.CodePerSecond, r.CodeBurst, ratelimit.Keys),
		reads:   ratelimit.NewAddresses(r.ReadPerSecond, r.ReadBurst, ratelimit.Keys),
		starts:  ratelimit.NewAddresses(r.ReadPerSecond, r.ReadBurst, ratelimit.Keys),
		watches: newWatches(r.Watches),
		rooms:   newRoomCounts(r.PlayerRooms, r.AddressRooms),
	}
}

// Player limits the tickets of a player.
func (l *Limits) Player(ctx context.Context, player string) error {
	if clientOf(ctx).Exempt {
		return nil
	}
	if wait, ok := l.players.Reserve(player, 0); !ok {
		return l.reject("player", failure.TooManyFromPlayer, wait)
	}
	return nil
}

// Code limits the wrong codes of an address. The caller calls right if the code was
// right, which costs nothing.
func (l *Limits) Code(ctx context.Context) (right func(), err error) {
	client := clientOf(ctx)
	if client.Exempt {
		return func() {}, nil
	}
	where := ratelimit.AddressOf(client.Addr)
	if err := l.wait(ctx, l.codes, where, "codes", failure.TooManyCodes); err != nil {
		return nil, err
	}
	return func() { l.codes.Return(where) }, nil
}

// ticket limits the tickets, parties and rooms of an address.
func (l *Limits) ticket(ctx context.Context) error {
	return l.address(ctx, l.tickets, "tickets", failure.TooManyFromAddress)
}

// watch limits how often an address begins to watch. It has a bucket of its own, since a
// page that reads much must not keep its network from playing.
func (l *Limits) watch(ctx context.Context) error {
	return l.address(ctx, l.starts, "watches", failure.TooManyWatches)
}

// read limits all other calls of an address.
func (l *Limits) read(ctx context.Context) error {
	return l.address(ctx, l.reads, "reads", failure.TooManyReads)
}

func (l *Limits) address(ctx context.Context, by *ratelimit.Addresses, name string, reason failure.Reason) error {
	client := clientOf(ctx)
	if client.Exempt {
		return nil
	}
	return l.wait(ctx, by, ratelimit.AddressOf(client.Addr), name, reason)
}

func (l *Limits) wait(ctx context.Context, by *ratelimit.Addresses, where ratelimit.Address, name string, reason failure.Reason) error {
	wait, ok := by.Reserve(where, limitedPatience)
	if !ok {
		return l.reject(name, reason, wait-limitedPatience)
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		by.Return(where)
		return failure.Status(ctx.Err()).Err()
	}
}

// reject returns the failure with the time after which the next request is allowed,
// or the usual time of the reason where that is longer.
func (l *Limits) reject(name string, reason failure.Reason, wait time.Duration) error {
	l.limited.WithLabelValues(name).Inc()
	return failure.New(reason).RetryAfter(max(wait, reason.Kind().Retry))
}

// clientOf is where a call comes from. Back ends, which call by the internal port, have no
// limits: they ask for many players.
func clientOf(ctx context.Context) publicport.Client {
	if client, ok := publicport.ClientOf(ctx); ok {
		return client
	}
	return publicport.Client{Exempt: true}
}
