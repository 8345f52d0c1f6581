package matchmaker

import (
	"context"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/room"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	maxOptions  = 16
	maxListed   = 100
	roomServers = 5 // servers asked for a room before giving up
	codeDraws   = 10
)

func (s *service) CreateRoom(ctx context.Context, req *matchmakerv1.CreateRoomRequest) (*matchmakerv1.CreateRoomResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.limits.room(clientAddress(ctx)); err != nil {
		return nil, err
	}
	if err := checkStrings("game", req.GetGame(), "mode", req.GetMode()); err != nil {
		return nil, err
	}
	if err := checkOptions(req.GetOptions()); err != nil {
		return nil, err
	}
	k, err := s.fleet.Resolve(req.GetGame(), req.GetMode())
	if err != nil {
		return nil, resolveError(err, req.GetGame(), req.GetMode())
	}
	code, err := s.freeCode()
	if err != nil {
		return nil, err
	}
	servers := matchfn.Candidates(s.fleet.View(k))
	for _, server := range servers[:min(len(servers), roomServers)] {
		if err := s.assigner.OpenRoom(ctx, k, server.ID, code, req.GetOptions()); err == nil {
			s.mm.metrics.rooms.Inc()
			return &matchmakerv1.CreateRoomResponse{RoomCode: code, MatchId: room.MatchID(code)}, nil
		}
		if ctx.Err() != nil {
			return nil, failure.Status(ctx.Err()).Err()
		}
	}
	return nil, failure.New(failure.ServersFull)
}

func (s *service) freeCode() (string, error) {
	for range codeDraws {
		code := room.NewCode()
		if _, taken := s.fleet.Find(room.MatchID(code)); !taken {
			return code, nil
		}
	}
	return "", failure.Newf(failure.TooManyRooms, "no free room code was found; try again")
}

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

func checkOptions(options []*matchmakerv1.Option) error {
	if len(options) > maxOptions {
		return failure.Newf(failure.BadOption, "%d options, at most %d", len(options), maxOptions).Field("options", "at most 16")
	}
	for _, o := range options {
		if o.GetName() == "" || len(o.GetName()) > maxShortString {
			return failure.Newf(failure.BadOption, "an option's name has %d bytes, it needs 1 to %d", len(o.GetName()), maxShortString).
				Field("options", "names of 1 to 64 bytes")
		}
	}
	return nil
}
