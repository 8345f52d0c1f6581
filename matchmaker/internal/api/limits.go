package api

import (
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/metrics"
	"tactus/internal/ratelimit"
)

// limitedKeys bounds the addresses or players remembered by each limit.
const limitedKeys = 50_000

// Rates limits how often players may ask. Each is a token bucket: per second, and at
// most Burst at once. A rate below zero means no limit.
type Rates struct {
	AddressPerSecond float64 // tickets and rooms of one address
	AddressBurst     int
	PlayerPerSecond  float64 // tickets of one player
	PlayerBurst      int
	// CodePerSecond bounds how many room codes an address may try.
	CodePerSecond float64
	CodeBurst     int
	RoomPerSecond float64 // rooms opened from one address
	RoomBurst     int
	Loopback      bool // limits of addresses hold for loopback, too
}

// Limits applies the rates to all that costs more than a lookup. Its methods return
// the failure of a request that comes too often. It is safe for concurrent use.
type Limits struct {
	metrics   *metrics.Metrics
	loopback  bool
	addresses *ratelimit.Limiter
	players   *ratelimit.Limiter
	codes     *ratelimit.Limiter
	rooms     *ratelimit.Limiter
}

// NewLimits makes limits. It counts their rejections.
func NewLimits(r Rates, m *metrics.Metrics) *Limits {
	return &Limits{
		metrics:   m,
		loopback:  r.Loopback,
		addresses: ratelimit.New(r.AddressPerSecond, r.AddressBurst, limitedKeys),
		players:   ratelimit.New(r.PlayerPerSecond, r.PlayerBurst, limitedKeys),
		codes:     ratelimit.New(r.CodePerSecond, r.CodeBurst, limitedKeys),
		rooms:     ratelimit.New(r.RoomPerSecond, r.RoomBurst, limitedKeys),
	}
}

// Player limits the tickets of a player.
func (l *Limits) Player(player, address string) error {
	if _, loopback := ratelimit.AddressKey(address); loopback && !l.loopback {
		return nil
	}
	if l.players.Allow(player) {
		return nil
	}
	return l.reject(l.players, "player", failure.TooManyFromPlayer)
}

// Code limits the codes that an address tries.
func (l *Limits) Code(address string) error {
	return l.allowAddress(l.codes, address, "code", failure.TooManyCodes)
}

// ticket limits the tickets and rooms of an address.
func (l *Limits) ticket(address string) error {
	return l.allowAddress(l.addresses, address, "address", failure.TooManyFromAddress)
}

// room limits the rooms that an address opens.
func (l *Limits) room(address string) error {
	if err := l.ticket(address); err != nil {
		return err
	}
	return l.allowAddress(l.rooms, address, "room", failure.TooManyRooms)
}

func (l *Limits) allowAddress(limiter *ratelimit.Limiter, address, name string, reason failure.Reason) error {
	key, loopback := ratelimit.AddressKey(address)
	if loopback && !l.loopback || limiter.Allow(key) {
		return nil
	}
	return l.reject(limiter, name, reason)
}

// reject returns the failure with the time after which the next request is allowed,
// or the usual time of the reason where that is longer.
func (l *Limits) reject(limiter *ratelimit.Limiter, name string, reason failure.Reason) error {
	l.metrics.RequestLimited(name)
	return failure.New(reason).RetryAfter(max(limiter.Every(), reason.Kind().Retry))
}
