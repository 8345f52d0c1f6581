package fleet

import "tactus/matchmaker/internal/ticket"

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
