package fleet

import (
	"slices"

	"tactus/matchmaker/internal/ticket"
)

// Teams is how many teams a mode has, 0 for everyone for himself.
func (r *Registry) Teams(k ticket.Key) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if info := r.games[k.Game]; info != nil {
		return int(findMode(info, k.Mode).GetTeams())
	}
	return 0
}

// Title is a mode's for people, empty when no server has told of it.
func (r *Registry) Title(k ticket.Key) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if info := r.games[k.Game]; info != nil {
		return findMode(info, k.Mode).GetTitle()
	}
	return ""
}

// Shape is how many seats and teams a match of the mode has, and the versions
// of the game that live servers run it in.
func (r *Registry) Shape(k ticket.Key) (seats, teams int, versions []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.servers {
		mode := findMode(s.games[k.Game], k.Mode)
		if mode == nil {
			continue
		}
		seats, teams = max(seats, int(mode.GetMaxPlayers())), max(teams, int(mode.GetTeams()))
		if version := s.games[k.Game].GetVersion(); !slices.Contains(versions, version) {
			versions = append(versions, version)
		}
	}
	return seats, teams, versions
}
