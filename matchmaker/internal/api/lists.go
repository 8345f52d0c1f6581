package api

import (
	"context"
	"slices"

	"tactus/internal/millis"
	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/queue"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const maxListed = 100

// ListMatches implements matchmaker.v1.
func (s *Service) ListMatches(_ context.Context, req *matchmakerv1.ListMatchesRequest) (*matchmakerv1.ListMatchesResponse, error) {
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxListed {
		limit = maxListed
	}
	return &matchmakerv1.ListMatchesResponse{Matches: s.cfg.Fleet.OpenMatches(req.GetGame(), req.GetMode(), limit)}, nil
}

// ListGames implements matchmaker.v1.
func (s *Service) ListGames(context.Context, *matchmakerv1.ListGamesRequest) (*matchmakerv1.ListGamesResponse, error) {
	totals := s.cfg.Fleet.Totals()
	return &matchmakerv1.ListGamesResponse{
		Games: s.cfg.Fleet.Games(), Servers: uint32(totals.Servers), Players: uint32(max(totals.People, 0)),
	}, nil
}

// ListQueues implements matchmaker.v1.
func (s *Service) ListQueues(context.Context, *matchmakerv1.ListQueuesRequest) (*matchmakerv1.ListQueuesResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	live := s.cfg.Stats.Queues()
	res := &matchmakerv1.ListQueuesResponse{}
	for _, name := range s.cfg.Catalog.Names() {
		info := s.queueInfo(name)
		if at := slices.IndexFunc(live, func(q queue.Stats) bool { return q.Name == name }); at >= 0 {
			info.Searching = uint32(live[at].Players)
			info.WaitP50Ms, info.WaitP90Ms = millis.Of(live[at].P50), millis.Of(live[at].P90)
		}
		res.Queues = append(res.Queues, info)
	}
	return res, nil
}

func (s *Service) queueInfo(name string) *matchmakerv1.QueueInfo {
	r, _ := s.cfg.Catalog.Lookup(name)
	title, away := s.cfg.Fleet.Listing(r.Key)
	info := &matchmakerv1.QueueInfo{
		Name: name, Game: r.Key.Game, Mode: r.Key.Mode, Rated: s.cfg.Catalog.Rated(name), Away: away,
	}
	if q := r.Queue; q != nil {
		info.Title = q.Title
		info.RulesVersion, info.Accept = q.Version, q.Accept != nil
		info.Teams, info.TeamMin, info.TeamMax = uint32(q.Teams.Count), uint32(q.Teams.Min), uint32(q.Teams.Max)
		info.PartyMax = uint32(q.Party.Max)
		return info
	}
	info.Title = title
	seats, _, _ := s.cfg.Fleet.Shape(r.Key)
	info.Teams, info.TeamMin, info.TeamMax = 1, 1, uint32(seats)
	info.PartyMax = uint32(admission.MaxTeam(s.cfg.Fleet, r.Key))
	return info
}
