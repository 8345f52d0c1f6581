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
