package match

import (
	"errors"
	"time"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
)

const (
	// SealSize is the length of a seal in bytes.
	SealSize = 16
	// maxAttended bounds the players of a match whose seals are kept, those that have
	// left included.
	maxAttended = 10_000
	// pauseOfOurs is the shortest suspension of the process that counts as a fault.
	pauseOfOurs = int64(time.Second)
	// excusedFor is how long after it nobody loses for a seat that ran out.
	excusedFor = int64(time.Minute)
)

// LeavePolicy says what becomes of players that leave before the result.
type LeavePolicy struct {
	Loss  bool          // they are reported
	After time.Duration // if they leave later than that, from the first tick on
}

// Left is why a player was gone before the end, with the numbers of fleet.proto.
type Left uint8

// Reasons for being gone.
const (
	Stayed Left = iota
	LeftQuit
	LeftTimeout
	LeftKicked
	LeftReplaced
	LeftOurs // by a fault of the server
)

// Leaver is a player that left before the end.
type Leaver struct {
	PlayerResult
	Left Left
	Tick game.Tick
}

// attendance is which sealed players were in the match: their seals, and who left
// when and why. It outlives their seats. Not safe for concurrent use; owned by the
// match.
type attendance struct {
	players map[string]*attendant // by id; nil until the first seal
	left    uint32                // how often players left
	// excusedUntil is until when a seat that runs out is a fault of ours.
	excusedUntil int64
}

// attendant is one of its players.
type attendant struct {
	name   string
	seal   [SealSize]byte
	slot   game.Slot
	team   int32
	left   Left
	order  uint32 // of leaving
	tick   game.Tick
	faulty bool // the connection was lost by a fault of ours, and is not back
}

// Seal keeps the seal of the player who has the slot by the connection. The result
// returns it.
func (m *Match) Seal(conn *ws.Conn, slot game.Slot, seal []byte) {
	o, ok := m.OccupantOf(slot, conn)
	if !ok || len(seal) != SealSize || m.ended != "" {
		return
	}
	a := &m.attendance
	if a.players == nil {
		a.players = make(map[string]*attendant)
	}
	at := a.players[o.Player]
	if at == nil {
		if len(a.players) >= maxAttended {
			return
		}
		at = &attendant{}
		a.players[o.Player] = at
	}
	*at = attendant{name: m.seating.AskedName(slot), seal: [SealSize]byte(seal), slot: slot, team: m.seating.Team(slot)}
	m.record.Seal(slot, seal)
}

// sealOf is the seal of a player, nil without one. The slice is the caller's.
func (a *attendance) sealOf(player string) []byte {
	if at := a.players[player]; at != nil {
		return append([]byte(nil), at.seal[:]...)
	}
	return nil
}

// lost notes why a player's connection was lost.
func (a *attendance) lost(player string, why error) {
	if at := a.players[player]; at != nil {
		at.faulty = ours(why)
	}
}

// back notes that a player has a connection again.
func (a *attendance) back(player string) {
	if at := a.players[player]; at != nil {
		at.left, at.faulty = Stayed, false
	}
}

// gone notes that a player has left for good.
func (a *attendance) gone(player string, why Left, now int64, tick game.Tick) {
	at := a.players[player]
	if at == nil || at.left != Stayed {
		return
	}
	if why == LeftTimeout && (at.faulty || now < a.excusedUntil) {
		why = LeftOurs
	}
	a.left++
	at.left, at.order, at.tick = why, a.left, tick
}

// paused excuses the seats that run out after a long pause of the process.
func (a *attendance) paused(now, pause int64) {
	if pause > pauseOfOurs {
		a.excusedUntil = now + excusedFor
	}
}

// leavers lists the players that left later than after, in the order in which they
// did.
func (a *attendance) leavers(policy LeavePolicy, rate int) []Leaver {
	if !policy.Loss || a.left == 0 {
		return nil
	}
	first := game.Tick(policy.After * time.Duration(rate) / time.Second)
	byOrder := make([]*Leaver, a.left+1)
	for player, at := range a.players {
		if at.left != Stayed && at.tick >= first {
			byOrder[at.order] = &Leaver{
				PlayerResult: PlayerResult{
					Player: player, Name: at.name, Seal: a.sealOf(player), Result: game.Result{Slot: at.slot, Team: at.team},
				},
				Left: at.left, Tick: at.tick,
			}
		}
	}
	var list []Leaver
	for _, l := range byOrder {
		if l != nil {
			list = append(list, *l)
		}
	}
	return list
}

// leftBy is the reason of a leave as the result has it.
func leftBy(why game.LeaveReason) Left {
	switch why {
	case game.LeaveQuit:
		return LeftQuit
	case game.LeaveTimeout:
		return LeftTimeout
	case game.LeaveReplaced:
		return LeftReplaced
	default:
		return LeftKicked
	}
}

// ours reports whether the server has ended a connection by a fault that is not the
// player's.
func ours(why error) bool {
	var ce *ws.CloseError
	if !errors.As(why, &ce) || ce.Peer {
		return false
	}
	switch ce.Code {
	case protocol.CloseDraining, protocol.CloseMoved, protocol.CloseRestart, protocol.CloseGameError:
		return true
	default:
		return false
	}
}
