package fleet

import (
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// clocksDiffer is the offset from which on a server is the last choice, and
	// the log says so; below clocksAgree all is well again.
	clocksDiffer = 2 * time.Second
	clocksAgree  = 1500 * time.Millisecond
	// clockUnfit is the offset above which a server gets no players: join tokens
	// are accepted up to 5 minutes past their time.
	clockUnfit = 4 * time.Minute
	// At least leastAlike servers, and more than half of those measured, whose
	// offsets are within alikeWithin of each other, show that the clock here is
	// the one that is off.
	leastAlike  = 3
	alikeWithin = time.Second
	// clockStep is the least change of an offset that is looked at.
	clockStep = 50 * time.Millisecond
)

// clockState is what a server's clock is good for.
type clockState uint8

const (
	clockGood  clockState = iota // or not measured
	clockOff                     // last choice
	clockWrong                   // no players
)

// next is the state of a clock that is off by so much.
func (c clockState) next(offset time.Duration) clockState {
	switch off := offset.Abs(); {
	case off > clockUnfit:
		return clockWrong
	case off > clocksDiffer, c != clockGood && off >= clocksAgree:
		return clockOff
	}
	return clockGood
}

// measured takes in how far a server's clock is ahead of this one; it needs the
// lock. It reports whether the server may be chosen otherwise than before.
func (r *Registry) measured(s *server, ahead time.Duration) (changed bool) {
	if s.clockKnown && (ahead-s.clockAhead).Abs() < clockStep {
		return false
	}
	s.clockAhead, s.clockKnown = ahead, true
	return r.reviewClocks()
}

// reviewClocks looks at all clocks after one was measured, or a server has gone;
// it needs the lock. It reports whether any server may be chosen otherwise than
// before.
func (r *Registry) reviewClocks() (changed bool) {
	own, alike, ahead := r.ownClock()
	if own != r.clockIsOff {
		r.clockIsOff = own
		if own {
			r.log.Error("clock of this matchmaker is off: most game servers differ from it alike; none is passed over for that",
				zap.Int("servers", alike), zap.Duration("they_are_ahead", ahead))
		} else {
			r.log.Info("clock of this matchmaker agrees with most game servers again")
		}
	}
	for _, other := range r.servers {
		if other.clockKnown {
			changed = r.judge(other) || changed
		}
	}
	return changed
}

// judge decides what a server's clock is good for; it needs the lock.
func (r *Registry) judge(s *server) (changed bool) {
	was := s.clock
	s.clock = was.next(s.clockAhead)
	if r.clockIsOff {
		s.clock = clockGood
	}
	if s.clock == was {
		return false
	}
	fields := []zap.Field{zap.String("server", s.id), zap.Duration("ahead", s.clockAhead), zap.Bool("gets_players", s.clock != clockWrong)}
	switch {
	case s.clock != clockGood:
		r.log.Error("clock of a game server differs from the matchmaker's", fields...)
	case !r.clockIsOff:
		r.log.Info("clock of a game server agrees again", fields...)
	}
	return true
}

// ownClock reports whether it is this matchmaker's clock that is off, how many
// servers say so, and by how much they are ahead. It needs the lock.
func (r *Registry) ownClock() (off bool, alike int, ahead time.Duration) {
	var offsets []time.Duration
	for _, s := range r.servers {
		if s.clockKnown {
			offsets = append(offsets, s.clockAhead)
		}
	}
	slices.Sort(offsets)
	least := clocksDiffer
	if r.clockIsOff {
		least = clocksAgree
	}
	from := 0
	for i, offset := range offsets {
		for offset-offsets[from] > alikeWithin {
			from++
		}
		// Offsets within a second of one that is off by more have its sign.
		if min(offset.Abs(), offsets[from].Abs()) > least && i-from+1 > alike {
			alike, ahead = i-from+1, offset
		}
	}
	return alike >= leastAlike && 2*alike > len(offsets), alike, ahead
}

// milliseconds is a told number of them; what no clock can be off by is bounded.
func milliseconds(ms int64) time.Duration {
	const most = 1 << 41 // 69 years
	return time.Duration(min(max(ms, -most), most)) * time.Millisecond
}

// ClockOffsets tells by how much the servers' clocks are ahead of this one, of
// those that were measured.
func (r *Registry) ClockOffsets() map[string]time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	offsets := make(map[string]time.Duration, len(r.servers))
	for id, s := range r.servers {
		if s.clockKnown {
			offsets[id] = s.clockAhead
		}
	}
	return offsets
}
