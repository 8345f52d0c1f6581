package seal

import (
	"context"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// leastSealed is how many players with a seal make a result.
const leastSealed = 2

// QueueOf is the queue that a match counts for: its own, or its game and mode.
func QueueOf(queue, game, mode string) string {
	if queue != "" {
		return queue
	}
	return game + "/" + mode
}

// Reporter is the game server that reports a result.
type Reporter struct {
	Server string
	Seals  bool // it returns the seals of its players
}

// Checker drops what a game server can't prove from the results that it reports. It is
// safe for concurrent use.
type Checker struct {
	Keys *Keys
	// Trusted believes the results of servers that return no seals.
	Trusted bool
	// Dropped counts players of results without a valid seal.
	Dropped func(players int)
	Log     *zap.Logger
}

// Check returns the result with the players that the matchmaker has seated in this
// match at this server, for this queue and team. It returns false when fewer than two
// of those who played to the end are left; then the match is not rated. The message is
// not changed.
func (c *Checker) Check(ctx context.Context, from Reporter, e *fleetv1.MatchEnded) (*fleetv1.MatchEnded, bool) {
	if !from.Seals && c.Trusted {
		return e, true
	}
	proved := proto.CloneOf(e)
	proved.Results, proved.Leavers = nil, nil
	var unproved []string
	keep := func(from Reporter, list []*fleetv1.PlayerResult) (kept []*fleetv1.PlayerResult) {
		for _, p := range list {
			if c.proves(ctx, from, e, p) {
				kept = append(kept, p)
			} else {
				unproved = append(unproved, p.GetPlayerId())
			}
		}
		return kept
	}
	proved.Results = keep(from, e.GetResults())
	proved.Leavers = keep(from, e.GetLeavers())
	if len(unproved) > 0 {
		c.Dropped(len(unproved))
		c.Log.Info("players without a seal are not rated", zap.String("match", e.GetMatchId()), zap.String("server", from.Server),
			zap.Int("players", len(unproved)), zap.Int("sealed", len(proved.GetResults())), zap.Bool("server_has_seals", from.Seals))
	}
	return proved, len(proved.GetResults())+len(proved.GetLeavers()) >= leastSealed
}

// proves reports whether a player's seal is right. The rules of a game choose the team
// where the matchmaker has named none.
func (c *Checker) proves(ctx context.Context, from Reporter, e *fleetv1.MatchEnded, p *fleetv1.PlayerResult) bool {
	if len(p.GetSeal()) != Size {
		return false
	}
	seat := Seat{
		Match: e.GetMatchId(), Server: from.Server, Queue: QueueOf(e.GetQueue(), e.GetGame(), e.GetMode()),
		Player: p.GetPlayerId(), Team: -1,
	}
	if c.Keys.made(&seat, p.GetSeal()) {
		return true
	}
	seat.Team = p.GetTeam()
	return c.Keys.Valid(ctx, seat, p.GetSeal())
}
