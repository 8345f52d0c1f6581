package matchmaker

import (
	"context"
	"errors"
	"math"
	"time"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/room"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	maxHistory    = 20
	reportTimeout = 10 * time.Second
)

// rated refuses queues that keep no ratings.
func (s *service) rated(queueName, player string) error {
	if err := s.ready(); err != nil {
		return err
	}
	if err := checkStrings("queue", queueName, "player_id", player); err != nil {
		return err
	}
	if !s.catalog.Hosted(queueName) {
		return s.catalog.Missing(queueName)
	}
	if !s.catalog.Rated(queueName) {
		return failure.New(failure.QueueUnrated)
	}
	return nil
}

func (s *service) GetRating(_ context.Context, req *matchmakerv1.GetRatingRequest) (*matchmakerv1.GetRatingResponse, error) {
	if err := s.rated(req.GetQueue(), req.GetPlayerId()); err != nil {
		return nil, err
	}
	res := &matchmakerv1.GetRatingResponse{Rating: wireRating(s.ranking.Rating(req.GetQueue(), req.GetPlayerId()))}
	if last, ok := s.ranking.Last(req.GetQueue(), req.GetPlayerId()); ok {
		res.Last = wireMatch(last)
	}
	return res, nil
}

func (s *service) ListLeaderboard(_ context.Context, req *matchmakerv1.ListLeaderboardRequest) (*matchmakerv1.ListLeaderboardResponse, error) {
	if err := s.rated(req.GetQueue(), req.GetAroundPlayerId()); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxListed {
		limit = maxListed
	}
	var page []ranking.Rating
	var ranked int
	if around := req.GetAroundPlayerId(); around != "" {
		page, ranked = s.ranking.Around(req.GetQueue(), around, limit)
	} else {
		page, ranked = s.ranking.Leaderboard(req.GetQueue(), int(req.GetOffset()), limit)
	}
	res := &matchmakerv1.ListLeaderboardResponse{Players: uint32(ranked)}
	for _, r := range page {
		res.Ratings = append(res.Ratings, wireRating(r))
	}
	return res, nil
}

func (s *service) ListHistory(ctx context.Context, req *matchmakerv1.ListHistoryRequest) (*matchmakerv1.ListHistoryResponse, error) {
	if err := s.rated(req.GetQueue(), req.GetPlayerId()); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxHistory {
		limit = maxHistory
	}
	matches, err := s.ranking.History(ctx, req.GetQueue(), req.GetPlayerId(), limit)
	if err != nil {
		return nil, failure.New(failure.StoreUnavailable).Because(err)
	}
	res := &matchmakerv1.ListHistoryResponse{}
	for _, m := range matches {
		res.Matches = append(res.Matches, wireMatch(m))
	}
	return res, nil
}

func wireRating(r ranking.Rating) *matchmakerv1.Rating {
	return &matchmakerv1.Rating{
		PlayerId: r.Player, PlayerName: r.Name, Points: hundredths(r.Points), Uncertainty: hundredths(r.Uncertainty),
		Rank: uint32(r.Rank), Matches: uint32(r.Matches), Wins: uint32(r.Wins),
	}
}

func wireMatch(m ranking.Match) *matchmakerv1.RatedMatch {
	return &matchmakerv1.RatedMatch{
		MatchId: m.ID, EndedUnixMs: m.Ended.UnixMilli(), Rank: uint32(m.Rank), Teams: uint32(m.Teams),
		PointsBefore: hundredths(m.Before), PointsAfter: hundredths(m.After), Mode: m.Mode,
	}
}

// hundredths rounds to what is worth telling of a rating.
func hundredths(points float64) float64 { return math.Round(points*100) / 100 }

// matchEnded stores a match's result; nil lets its server forget it.
func (m *Matchmaker) matchEnded(ctx context.Context, e *fleetv1.MatchEnded) error {
	if m.state.Load() != stateRunning {
		return errors.New("the matchmaker is not running")
	}
	m.service.requeue.Ended(e.GetMatchId())
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if room.IsMatch(e.GetMatchId()) {
		// No rating: friends among themselves could have any result that they like.
		return m.service.endRoomMatch(ctx, e.GetMatchId(), "")
	}
	return m.service.ranking.Report(ctx, e) // after an error the server tells it again
}

// matchLost puts the players of a match that found no end of its own first.
func (m *Matchmaker) matchLost(match string) {
	if m.state.Load() == stateRunning {
		m.service.requeue.Lost(match)
		m.service.keeper.lost(match)
	}
}
