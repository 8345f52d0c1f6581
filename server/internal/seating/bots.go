package seating

import "tactus/game"

// FillBots lets bots join or leave until players and bots together fill the mode's
// number of seats. They wait for the first player: a match must not be played
// before the players come that it was opened for.
func (s *Seating) FillBots() {
	want := s.mode.Fill
	if want == 0 || !s.visited {
		return
	}
	players, bots := s.count()
	for ; players+bots < want; bots++ {
		p, ok := s.botSlot()
		if !ok {
			return
		}
		if info := (game.PlayerInfo{Bot: true, Team: s.smallestTeam(true)}); s.sim.Join(p, info) {
			c := botChange(BotJoined, p)
			c.Info = info
			s.record(c)
		}
	}
	for ; bots > 0 && players+bots > want; bots-- {
		s.removeBot(s.botOf(-1))
	}
}

// count returns how many players and bots are in the world.
func (s *Seating) count() (players, bots int) {
	for p := range s.seats {
		taken, bot := s.sim.Taken(game.Slot(p))
		switch {
		case bot:
			bots++
		case taken:
			players++
		}
	}
	return players, bots
}

// botSlot finds a slot for a bot.
func (s *Seating) botSlot() (game.Slot, bool) {
	for _, seat := range s.seats {
		if taken, _ := s.sim.Taken(seat.slot); !taken && seat.state == Free {
			return seat.slot, true
		}
	}
	return 0, false
}

// botOf picks the bot that gives way: the last one of the team, or of all for -1.
func (s *Seating) botOf(team int32) game.Slot {
	last := game.NoSlot
	for p := range s.seats {
		if _, bot := s.sim.Taken(game.Slot(p)); bot && (last == game.NoSlot || team < 0 || s.Team(game.Slot(p)) == team) {
			last = game.Slot(p)
		}
	}
	return last
}

func (s *Seating) removeBot(p game.Slot) {
	if s.sim.Leave(p, game.LeaveReplaced) {
		c := botChange(BotLeft, p)
		c.Why = game.LeaveReplaced
		s.record(c)
	}
}
