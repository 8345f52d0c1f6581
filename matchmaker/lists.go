package matchmaker

import (
	"context"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const maxListed = 100

func (s *service) ListMatches(_ context.Context, req *matchmakerv1.ListMatchesRequest) (*matchmakerv1.ListMatchesResponse, error) {
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxListed {
		limit = maxListed
	}
	return &matchmakerv1.ListMatchesResponse{Matches: s.fleet.OpenMatches(req.GetGame(), req.GetMode(), limit)}, nil
}

func (s *service) ListGames(context.Context, *matchmakerv1.ListGamesRequest) (*matchmakerv1.ListGamesResponse, error) {
	totals := s.fleet.Totals()
	return &matchmakerv1.ListGamesResponse{
		Games: s.fleet.Games(), Servers: uint32(totals.Servers), Players: uint32(max(totals.People, 0)),
	}, nil
}
