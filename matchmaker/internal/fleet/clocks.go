package fleet

import (
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// clocksDiffer is the offset above which a server is the last choice, and logged.
	// Below clocksAgree it is a server like the others again.
	clocksDiffer = 2 * time.Second
	clocksAgree  = 1500 * time.Millisecond
	// clockUnfit is the offset above which a server gets no players: join tokens
	// are accepted up to 5 minutes past their time.
	clockUnfit = 4 * time.Minute
	// The clock here is off when the offsets of at least leastAlike servers, and of more
	// than half of those measured, are within alikeWithin of each other.
	leastAlike  = 3
	alikeWithin = time.Second
	// clockStep is the smallest change of an offset that counts.
	clockStep = 50 * time.Millisecond
)

// clockState is how much a server's clock differs.
type clockState uint8

const (
	clockGood  clockState = iota // or not measured
	clockOff                     // last choice
	clockWrong                   // no players
)

// next is the state of a clock with this offset.
func (c clockState) next(offset time.Duration) clockState {
	switch off := offset.Abs(); {
	case off > clockUnfit:
		return clockWrong
	case off > clocksDiffer, c != clockGood && off >= clocksAgree:
		return clockOff
	}
	return clockGood
}

// clocks judges the clocks of game servers against the one here. Not safe for
// concurrent use; owned by the registry, under its lock.
type clocks struct {
	ownIsOff bool // most servers' clocks differ alike from the one here
}

// setClock notes how far a server's clock is ahead of the one here. It reports false
// for a change that is too small to matter.
func (s *server) setClock(ahead time.Duration) (changed bool) {
	if s.clockKnown && (ahead-s.clockAhead).Abs() < clockStep {
		return false
	}
	s.clockAhead, s.clockKnown = ahead, true
	return true
}

// review judges all clocks after one was measured, or a server has gone. It reports
// whether servers may be chosen differently now.
func (c *clocks) review(servers map[string]*server, log *zap.Logger) (changed bool) {
	own, alike, ahead := c.ownClock(servers)
	if own != c.ownIsOff {
		c.ownIsOff = own
		if own {
			log.Error("clock of this matchmaker is off: most game servers differ from it alike; none is passed over for that",
				zap.Int("servers", alike), zap.Duration("they_are_ahead", ahead))
		} else {
			log.Info("clock of this matchmaker agrees with most game servers again")
		}
	}
	for _, s := range servers {
		if s.clockKnown {
			changed = c.judge(s, log) || changed
		}
	}
	return changed
}

// judge reports whether the state of a server's clock has changed.
func (c *clocks) judge(s *server, log *zap.Logger) (changed bool) {
	before := s.clock
	s.clock = before.next(s.clockAhead)
	if c.ownIsOff {
		s.clock = clockGood
	}
	if s.clock == before {
		return false
	}
	fields := []zap.Field{zap.String("server", s.id), zap.Duration("ahead", s.clockAhead), zap.Bool("gets_players", s.clock != clockWrong)}
	switch {
	case s.clock != clockGood:
		log.Error("clock of a game server differs from the matchmaker's", fields...)
	case !c.ownIsOff:
		log.Info("clock of a game server agrees again", fields...)
	}
	return true
}

// ownClock reports whether the clock of this matchmaker is off, how many servers
// show that, and by how much they are ahead.
func (c *clocks) ownClock(servers map[string]*server) (off bool, alike int, ahead time.Duration) {
	var offsets []time.Duration
	for _, s := range servers {
		if s.clockKnown {
			offsets = append(offsets, s.clockAhead)
		}
	}
	slices.Sort(offsets)
	least := clocksDiffer
	if c.ownIsOff {
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

// milliseconds bounds a reported number of them by what a clock can be off by.
func milliseconds(ms int64) time.Duration {
	const most = 1 << 41 // 69 years
	return time.Duration(min(max(ms, -most), most)) * time.Millisecond
}

// ClockOffsets returns by how much the servers' clocks are ahead of this one, for
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
