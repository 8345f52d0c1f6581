package api

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/privatematch"
	"tactus/matchmaker/internal/room"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// CreateRoom implements matchmaker.v1.
func (s *Service) CreateRoom(ctx context.Context, req *matchmakerv1.CreateRoomRequest) (*matchmakerv1.CreateRoomResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	r, err := s.newRoom(req)
	if err != nil {
		return nil, err
	}
	var first identity.Player
	var who *privatematch.Entrants
	if req.GetParty() != "" || req.GetGuestToken() != "" || req.GetIdentityToken() != "" {
		if first, who, err = s.entrants(ctx, req); err != nil {
			return nil, err
		}
		if err := r.Enter(r.Seats, who.Members...); err != nil {
			return nil, privatematch.Error(err)
		}
	} else if isPublic(ctx) { // back ends open rooms for others
		if err := s.parts.Identity.AdmitAnonymous(); err != nil {
			return nil, err
		}
	}
	if err := s.limits.room(ctx, first.ID, s.parts.RoomCounter); err != nil {
		return nil, err
	}
	if s.parts.RoomCount() >= s.cfg.MaxRooms {
		return nil, failure.Newf(failure.TooManyRooms, "there are %d rooms already; try again later", s.cfg.MaxRooms)
	}
	member, err := s.parts.Host.Create(ctx, r, who)
	if err != nil {
		return nil, privatematch.Error(err)
	}
	s.limits.roomOpened(ctx, r.Code)
	s.cfg.Metrics.RoomCreated()
	return &matchmakerv1.CreateRoomResponse{
		RoomCode: r.Code, MemberId: member,
		PlayerId: first.ID, PublicId: s.parts.Pseudonyms.Public(first.ID), PlayerName: first.Name, GuestToken: first.GuestToken,
	}, nil
}

// newRoom is the room that is asked for, without a code.
func (s *Service) newRoom(req *matchmakerv1.CreateRoomRequest) (*room.Room, error) {
	if err := checkStrings("game", req.GetGame(), "mode", req.GetMode(), "party", req.GetParty(), "version", req.GetVersion()); err != nil {
		return nil, err
	}
	k, err := s.cfg.Catalog.ResolveMode(req.GetGame(), req.GetMode())
	if err != nil {
		return nil, err
	}
	r := &room.Room{Game: k.Game, Version: req.GetVersion()}
	if err := admission.CheckVersion(s.cfg.Fleet, k, r.Version); err != nil {
		return nil, err
	}
	return r, s.parts.Host.Furnish(r, k, settings(req.GetOptions(), req.GetLabels()))
}

func settings(options []*matchmakerv1.Option, labels map[string]string) privatematch.Settings {
	s := privatematch.Settings{Labels: labels}
	for _, o := range options {
		s.Options = append(s.Options, room.Option{Name: o.GetName(), Value: o.GetValue()})
	}
	return s
}

// entering is a request of a player, or of a party's leader, to enter a room.
type entering interface {
	caller
	GetParty() string
}

// entrants returns the players for a room, and the first of them: the caller. A party
// has no guest token.
func (s *Service) entrants(ctx context.Context, req entering) (first identity.Player, who *privatematch.Entrants, err error) {
	if req.GetParty() == "" {
		p, err := s.authenticate(ctx, req)
		if err != nil {
			return p, nil, err
		}
		return p, &privatematch.Entrants{Members: []membership.Member{s.parts.Watchers.NewMember(p.ID, p.Name)}}, nil
	}
	p, at, err := s.parts.Parties.Find(ctx, req.GetParty())
	if err == nil && at != 0 {
		err = membership.ErrFirst
	}
	if err != nil {
		return first, nil, admission.PartyError(err)
	}
	who = &privatematch.Entrants{Party: p.Code}
	for _, m := range p.Members {
		if err := s.parts.Bans.Check(ctx, m.Player); err != nil {
			return first, nil, err
		}
		entrant := s.parts.Watchers.NewMember(m.Player, m.Name)
		entrant.Party = p.Code
		who.Members = append(who.Members, entrant)
	}
	return identity.Player{ID: p.Members[0].Player, Name: p.Members[0].Name}, who, nil
}

// JoinRoom implements matchmaker.v1.
func (s *Service) JoinRoom(ctx context.Context, req *matchmakerv1.JoinRoomRequest) (*matchmakerv1.JoinRoomResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := checkCode("room_code", req.GetRoomCode()); err != nil {
		return nil, err
	}
	right, err := s.limits.Code(ctx)
	if err != nil {
		return nil, err
	}
	parsed, ok := code.Parse(req.GetRoomCode())
	if !ok {
		return nil, failure.New(failure.RoomUnknown)
	}
	first, who, err := s.entrants(ctx, req)
	if err != nil {
		return nil, err
	}
	member, err := s.parts.Host.AddMembers(ctx, parsed, who)
	if !errors.Is(err, membership.ErrUnknown) {
		right()
	}
	if err != nil {
		return nil, privatematch.Error(err)
	}
	return &matchmakerv1.JoinRoomResponse{
		RoomCode: parsed, MemberId: member,
		PlayerId: first.ID, PublicId: s.parts.Pseudonyms.Public(first.ID), GuestToken: first.GuestToken, PlayerName: first.Name,
	}, nil
}

// LeaveRoom implements matchmaker.v1.
func (s *Service) LeaveRoom(ctx context.Context, req *matchmakerv1.LeaveRoomRequest) (*matchmakerv1.LeaveRoomResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := s.parts.Host.RemoveMember(ctx, req.GetMemberId(), ""); err != nil {
		return nil, privatematch.Error(err)
	}
	return &matchmakerv1.LeaveRoomResponse{}, nil
}

// RemoveMember takes the member with this handle out of its party or room, if the watcher
// is the newest one of the handle.
func (s *Service) RemoveMember(ctx context.Context, handle, watcher string) error {
	if _, _, ok := s.parts.Rooms.Split(handle); ok {
		return s.parts.Host.RemoveMember(ctx, handle, watcher)
	}
	return s.leaveParty(ctx, handle, watcher)
}

// SetRoom implements matchmaker.v1.
func (s *Service) SetRoom(ctx context.Context, req *matchmakerv1.SetRoomRequest) (*matchmakerv1.SetRoomResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := checkStrings("mode", req.GetMode()); err != nil {
		return nil, err
	}
	if err := s.parts.Host.Configure(ctx, req.GetMemberId(), req.GetMode(), settings(req.GetOptions(), req.GetLabels())); err != nil {
		return nil, privatematch.Error(err)
	}
	return &matchmakerv1.SetRoomResponse{}, nil
}

// SetReady implements matchmaker.v1.
func (s *Service) SetReady(ctx context.Context, req *matchmakerv1.SetReadyRequest) (*matchmakerv1.SetReadyResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := s.parts.Host.SetReady(ctx, req.GetMemberId(), req.GetReady()); err != nil {
		return nil, privatematch.Error(err)
	}
	return &matchmakerv1.SetReadyResponse{}, nil
}

// StartRoom implements matchmaker.v1.
func (s *Service) StartRoom(ctx context.Context, req *matchmakerv1.StartRoomRequest) (*matchmakerv1.StartRoomResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	handle, err := s.parts.Host.Start(ctx, req.GetMemberId())
	if err != nil {
		return nil, privatematch.Error(err)
	}
	return &matchmakerv1.StartRoomResponse{TicketId: handle}, nil
}

// WatchRoom implements matchmaker.v1.
func (s *Service) WatchRoom(req *matchmakerv1.WatchRoomRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchRoomResponse]) error {
	return s.watchRoom(stream.Context(), req.GetMemberId(), stream.Send)
}

func (s *Service) watchRoom(ctx context.Context, handle string, send func(*matchmakerv1.WatchRoomResponse) error) error {
	if err := s.cfg.Ready(); err != nil {
		return err
	}
	ctx, end, err := s.limits.watching(ctx, handle)
	if err != nil {
		return err
	}
	defer end()
	return watchMember(ctx, s.parts.Watchers, s.parts.Rooms.Records, handle, s.describeRoom, send, privatematch.Error)
}

// GetRoom implements matchmaker.v1. It answers with what a watch would send now.
func (s *Service) GetRoom(ctx context.Context, req *matchmakerv1.GetRoomRequest) (*matchmakerv1.GetRoomResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	r, at, err := pollMember(ctx, s.parts.Watchers, s.parts.Rooms.Records, req.GetMemberId(), privatematch.Error)
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.GetRoomResponse{Room: s.describeRoom(r, at)}, nil
}

func (s *Service) describeRoom(r *room.Room, you int) *matchmakerv1.WatchRoomResponse {
	res := &matchmakerv1.WatchRoomResponse{
		RoomCode: r.Code, Game: r.Game, Mode: r.Mode, Options: privatematch.WireOptions(r), Labels: r.Labels,
		Seats: uint32(r.Seats), MatchId: r.Match, Round: uint32(r.Number), Message: r.Problem,
	}
	if m := r.Members[you]; m.Match == r.Match && !r.Opening {
		res.TicketId = m.Ticket
	}
	for i, m := range r.Members {
		res.Members = append(res.Members, &matchmakerv1.WatchRoomResponse_Member{
			PlayerId: m.Player, PublicId: s.parts.Pseudonyms.Public(m.Player), PlayerName: m.Name, Owner: i == 0, You: i == you,
			Ready: m.Ready, Playing: r.Match != "" && m.Match == r.Match,
		})
	}
	return res
}
