package api

import (
	"context"
	"math"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/ranking"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const maxHistory = 20

// rated rejects queues that keep no ratings.
func (s *Service) rated(queueName, player string) error {
	if err := s.cfg.Ready(); err != nil {
		return err
	}
	if err := checkStrings("queue", queueName, "player_id", player); err != nil {
		return err
	}
	if !s.cfg.Catalog.Hosted(queueName) {
		return s.cfg.Catalog.Missing(queueName)
	}
	if !s.cfg.Catalog.Rated(queueName) {
		return failure.New(failure.QueueUnrated)
	}
	return nil
}

// GetRating implements matchmaker.v1.
func (s *Service) GetRating(_ context.Context, req *matchmakerv1.GetRatingRequest) (*matchmakerv1.GetRatingResponse, error) {
	if err := s.rated(req.GetQueue(), req.GetPlayerId()); err != nil {
		return nil, err
	}
	player := s.parts.Pseudonyms.Player(req.GetPlayerId())
	res := &matchmakerv1.GetRatingResponse{Rating: s.wireRating(s.parts.Ranking.Rating(req.GetQueue(), player))}
	if last, ok := s.parts.Ranking.Last(req.GetQueue(), player); ok {
		res.Last = wireMatch(last)
	}
	return res, nil
}

// ListLeaderboard implements matchmaker.v1.
func (s *Service) ListLeaderboard(_ context.Context, req *matchmakerv1.ListLeaderboardRequest) (*matchmakerv1.ListLeaderboardResponse, error) {
	if err := s.rated(req.GetQueue(), req.GetAroundPlayerId()); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxListed {
		limit = maxListed
	}
	var page []ranking.Rating
	var ranked int
	if around := s.parts.Pseudonyms.Player(req.GetAroundPlayerId()); around != "" {
		page, ranked = s.parts.Ranking.Around(req.GetQueue(), around, limit)
	} else {
		page, ranked = s.parts.Ranking.Leaderboard(req.GetQueue(), int(req.GetOffset()), limit)
	}
	res := &matchmakerv1.ListLeaderboardResponse{Players: uint32(ranked)}
	for _, r := range page {
		res.Ratings = append(res.Ratings, s.wireRating(r))
	}
	return res, nil
}

// ListHistory implements matchmaker.v1.
func (s *Service) ListHistory(ctx context.Context, req *matchmakerv1.ListHistoryRequest) (*matchmakerv1.ListHistoryResponse, error) {
	if err := s.rated(req.GetQueue(), req.GetPlayerId()); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxHistory {
		limit = maxHistory
	}
	matches, err := s.parts.Ranking.History(ctx, req.GetQueue(), s.parts.Pseudonyms.Player(req.GetPlayerId()), limit)
	if err != nil {
		return nil, failure.New(failure.StoreUnavailable).Because(err)
	}
	res := &matchmakerv1.ListHistoryResponse{}
	for _, m := range matches {
		res.Matches = append(res.Matches, wireMatch(m))
	}
	return res, nil
}

func (s *Service) wireRating(r ranking.Rating) *matchmakerv1.Rating {
	return &matchmakerv1.Rating{
		PlayerId: r.Player, PublicId: s.parts.Pseudonyms.Public(r.Player), PlayerName: r.Name, Points: hundredths(r.Points), Uncertainty: hundredths(r.Uncertainty),
		Rank: uint32(r.Rank), Matches: uint32(r.Matches), Wins: uint32(r.Wins),
	}
}

func wireMatch(m ranking.Match) *matchmakerv1.RatedMatch {
	return &matchmakerv1.RatedMatch{
		MatchId: m.ID, EndedUnixMs: m.Ended.UnixMilli(), Rank: uint32(m.Rank), Teams: uint32(m.Teams),
		PointsBefore: hundredths(m.Before), PointsAfter: hundredths(m.After), Mode: m.Mode,
	}
}

// hundredths rounds a rating: its uncertainty is far above that.
func hundredths(points float64) float64 { return math.Round(points*100) / 100 }
