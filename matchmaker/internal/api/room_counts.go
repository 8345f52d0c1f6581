package api

import (
	"context"
	"net/netip"
	"sync"

	"tactus/internal/ratelimit"
	"tactus/matchmaker/internal/failure"
)

// roomCounts counts the rooms that addresses have opened here and that still exist. It
// is safe for concurrent use.
type roomCounts struct {
	perPlayer, perAddress int // below 0: no limit

	mu     sync.Mutex
	opened map[netip.Prefix]map[string]ratelimit.Address // codes by IPv4 address or /56
}

func newRoomCounts(perPlayer, perAddress int) *roomCounts {
	return &roomCounts{perPlayer: perPlayer, perAddress: perAddress, opened: make(map[netip.Prefix]map[string]ratelimit.Address)}
}

// RoomCounter knows all rooms.
type RoomCounter interface {
	RoomExists(code string) bool
	// RoomsOf is the number of rooms that a player owns.
	RoomsOf(player string) int
}

// room limits the rooms of an address, and of a player unless it is empty.
func (l *Limits) room(ctx context.Context, player string, all RoomCounter) error {
	client := clientOf(ctx)
	c := l.rooms
	if client.Exempt {
		return nil
	}
	if player != "" && c.perPlayer >= 0 && all.RoomsOf(player) >= c.perPlayer {
		return l.reject("rooms", failure.TooManyRooms, 0)
	}
	where := ratelimit.AddressOf(client.Addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	rooms := c.opened[where.Wide]
	narrow := 0
	for code, from := range rooms {
		switch {
		case !all.RoomExists(code):
			delete(rooms, code)
		case from.Narrow == where.Narrow:
			narrow++
		}
	}
	if len(rooms) == 0 {
		delete(c.opened, where.Wide)
	}
	if c.perAddress >= 0 && (narrow >= c.perAddress || len(rooms) >= 2*c.perAddress) {
		return l.reject("rooms", failure.TooManyRooms, 0)
	}
	return nil
}

// roomOpened counts a new room for the caller's address.
func (l *Limits) roomOpened(ctx context.Context, code string) {
	client := clientOf(ctx)
	if client.Exempt {
		return
	}
	where := ratelimit.AddressOf(client.Addr)
	l.rooms.mu.Lock()
	defer l.rooms.mu.Unlock()
	if l.rooms.opened[where.Wide] == nil {
		l.rooms.opened[where.Wide] = make(map[string]ratelimit.Address)
	}
	l.rooms.opened[where.Wide][code] = where
}
