package admission

import (
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
)

// checkSeats rejects a request for players that sit in a rated match: a new seat
// would make them leave it. Replace speaks for the caller and for the players that a
// back end names, not for the other members of a party.
func (a *Admitter) checkSeats(req *Request, who *requesters) error {
	for i, p := range who.players {
		at, seated := a.cfg.Fleet.SeatOf(p.Player)
		if !seated || !a.rated(at) || req.Replace && (i == 0 || who.trusted) {
			continue
		}
		if at.Match == req.MatchID && len(who.players) == 1 {
			continue // the way back
		}
		if i > 0 && !who.trusted {
			return failure.Newf(failure.InMatch, "%s of the party sits in a rated match", p.Name).With("player_name", p.Name)
		}
		return failure.New(failure.InMatch).With("match_id", at.Match).With("game", at.Key.Game).With("mode", at.Key.Mode)
	}
	return nil
}

// rated reports whether the results of a match count.
func (a *Admitter) rated(at fleet.Sitting) bool {
	if at.Private {
		return false
	}
	name := at.Queue
	if name == "" {
		name = catalog.QuickPlay(at.Key)
	}
	return a.cfg.Catalog.Rated(name)
}
