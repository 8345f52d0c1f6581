package admission

import (
	"context"
	"time"

	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
)

const (
	// leaveTimeout is how long a player that has just left a match may be reported there.
	leaveTimeout = time.Second
	// leaveInterval is between two looks at it.
	leaveInterval = 50 * time.Millisecond
)

// checkSeats waits a moment for players that have just left their match, and then
// rejects the request if any still sits in a rated one.
func (a *Admitter) checkSeats(ctx context.Context, req *Request, who *requesters) error {
	deadline := time.Now().Add(leaveTimeout)
	for {
		err := a.seatsOf(req, who)
		if err == nil || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-time.After(leaveInterval):
		case <-ctx.Done():
			return err
		}
	}
}

// seatsOf rejects a request for players that sit in a rated match: a new seat
// would make them leave it. Replace speaks for the caller and for the players that a
// back end names, not for the other members of a party.
func (a *Admitter) seatsOf(req *Request, who *requesters) error {
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
