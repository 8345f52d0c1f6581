package seating

import "tactus/game"

// TeamStatus describes the players of one team for the match's status.
type TeamStatus struct {
	People int // reserved seats included
	Seats  int
	Skill  float64 // mean, 0 without people
}

// Team is the team of the player or bot in a slot, -1 for none.
func (s *Seating) Team(p game.Slot) int32 {
	if t, ok := s.sim.World().(game.Teamer); ok && s.mode.Teams > 0 {
		return t.Team(p)
	}
	return -1
}

// Teams counts the players of each team. In a queue's match without teams all are
// in one: the queue needs their skill.
func (s *Seating) Teams() []TeamStatus {
	var list []TeamStatus
	hasTeams := s.hasTeams()
	switch {
	case hasTeams:
		list = make([]TeamStatus, s.mode.Teams)
		for t := range list {
			list[t].Seats = s.teamSeats()
		}
	case s.queue != "":
		list = []TeamStatus{{Seats: len(s.seats)}}
	default:
		return nil
	}
	for _, seat := range s.seats {
		team := int32(0)
		if hasTeams {
			team = s.side(seat)
		}
		if seat.state != Free && team >= 0 && int(team) < len(list) {
			list[team].People++
			list[team].Skill += seat.skill
		}
	}
	for t := range list {
		list[t].Skill /= float64(max(1, list[t].People))
	}
	return list
}

// hasTeams reports whether the rules know which team a player is in.
func (s *Seating) hasTeams() bool {
	_, ok := s.sim.World().(game.Teamer)
	return ok && s.mode.Teams > 0
}

// wanted is the team that a request asks for, -1 for any.
func (s *Seating) wanted(team int32) int32 {
	if team < 0 || int(team) >= s.mode.Teams || !s.hasTeams() {
		return -1
	}
	return team
}

// teamSeats is how many players a team has room for.
func (s *Seating) teamSeats() int { return max(1, len(s.seats)/s.mode.Teams) }

// side is the team of a player's seat, -1 for none yet.
func (s *Seating) side(seat *Seat) int32 {
	if seat.state == Reserved {
		return seat.team
	}
	return s.Team(seat.slot)
}

func (s *Seating) teamPlayers(team int32) int {
	n := 0
	for _, seat := range s.seats {
		if seat.state != Free && s.side(seat) == team {
			n++
		}
	}
	return n
}

// smallestTeam returns the team with the fewest members, -1 without teams. For a
// player only players count, reservations for a team included, and bots break ties:
// bots give way.
func (s *Seating) smallestTeam(countBots bool) int32 {
	n := s.mode.Teams
	if n == 0 {
		return -1
	}
	weight := make([]int, n)
	for _, seat := range s.seats {
		taken, bot := s.sim.Taken(seat.slot)
		team := s.Team(seat.slot)
		switch {
		case !countBots && seat.state == Reserved && seat.team >= 0:
			weight[seat.team] += game.MaxSlots
		case !taken || team < 0 || int(team) >= n:
		case bot && !countBots:
			weight[team]++
		default:
			weight[team] += game.MaxSlots
		}
	}
	best := 0
	for t := range weight {
		if weight[t] < weight[best] {
			best = t
		}
	}
	return int32(best)
}

// makeRoom removes a bot of the team if it has no seat left.
func (s *Seating) makeRoom(team int32) {
	if team < 0 {
		return
	}
	members, bot := 0, game.NoSlot
	for _, seat := range s.seats {
		taken, isBot := s.sim.Taken(seat.slot)
		if !taken || s.Team(seat.slot) != team {
			continue
		}
		members++
		if isBot {
			bot = seat.slot
		}
	}
	if bot != game.NoSlot && members >= s.teamSeats() {
		s.removeBot(bot)
	}
}
