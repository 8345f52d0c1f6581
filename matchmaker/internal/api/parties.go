package api

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"

	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// CreateParty implements matchmaker.v1.
func (s *Service) CreateParty(ctx context.Context, req *matchmakerv1.CreatePartyRequest) (*matchmakerv1.CreatePartyResponse, error) {
	who, err := s.identify(ctx, req)
	if err != nil {
		return nil, err
	}
	p, err := s.parts.Parties.Create(ctx, s.parts.Watchers.NewMember(who.ID, who.Name))
	if err != nil {
		return nil, admission.PartyError(err)
	}
	leader := s.parts.Parties.Handle(p.Code, p.Members[0].Secret)
	s.parts.Watchers.Left(leader, p.Members[0].Watch)
	return &matchmakerv1.CreatePartyResponse{
		PartyCode: p.Code, MemberId: leader,
		PlayerId: who.ID, PublicId: s.parts.Pseudonyms.Public(who.ID), GuestToken: who.GuestToken, PlayerName: who.Name,
	}, nil
}

// caller is a request that says which player calls.
type caller interface {
	GetGuestToken() string
	GetIdentityToken() string
	GetPlayerName() string
}

// identify returns the player of a request to create or join a party.
func (s *Service) identify(ctx context.Context, req caller) (identity.Player, error) {
	if err := s.cfg.Ready(); err != nil {
		return identity.Player{}, err
	}
	return s.authenticate(ctx, req)
}

// authenticate returns the calling player, unless they are banned.
func (s *Service) authenticate(ctx context.Context, req caller) (identity.Player, error) {
	p, err := s.parts.Identity.Identify(ctx, req.GetGuestToken(), req.GetIdentityToken(), req.GetPlayerName())
	if err != nil {
		return p, err
	}
	return p, s.parts.Bans.Check(ctx, p.ID)
}

// JoinParty implements matchmaker.v1.
func (s *Service) JoinParty(ctx context.Context, req *matchmakerv1.JoinPartyRequest) (*matchmakerv1.JoinPartyResponse, error) {
	if err := checkCode("party_code", req.GetPartyCode()); err != nil {
		return nil, err
	}
	right, err := s.limits.Code(ctx)
	if err != nil {
		return nil, err
	}
	who, err := s.identify(ctx, req)
	if err != nil {
		return nil, err
	}
	m := s.parts.Watchers.NewMember(who.ID, who.Name)
	p, err := s.parts.Parties.AddMember(ctx, req.GetPartyCode(), m)
	if !errors.Is(err, membership.ErrUnknown) {
		right()
	}
	if err != nil {
		return nil, admission.PartyError(err)
	}
	member := s.parts.Parties.Handle(p.Code, m.Secret)
	s.parts.Watchers.Left(member, m.Watch)
	s.parts.Host.FollowParty(ctx, p, m)
	return &matchmakerv1.JoinPartyResponse{
		MemberId: member, PlayerId: who.ID, PublicId: s.parts.Pseudonyms.Public(who.ID), GuestToken: who.GuestToken, PlayerName: who.Name,
	}, nil
}

// LeaveParty implements matchmaker.v1.
func (s *Service) LeaveParty(ctx context.Context, req *matchmakerv1.LeavePartyRequest) (*matchmakerv1.LeavePartyResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := s.leaveParty(ctx, req.GetMemberId(), ""); err != nil {
		return nil, admission.PartyError(err)
	}
	return &matchmakerv1.LeavePartyResponse{}, nil
}

// leaveParty takes a member out, which cancels the party's search.
func (s *Service) leaveParty(ctx context.Context, handle, watcher string) error {
	left, _, err := s.parts.Parties.RemoveHandle(ctx, handle, watcher, nil)
	if err == nil && left.Ticket != "" {
		_, _ = s.parts.Searches.Cancel(ctx, left.Ticket) // it may have ended long ago
	}
	return err
}

// WatchParty implements matchmaker.v1.
func (s *Service) WatchParty(req *matchmakerv1.WatchPartyRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchPartyResponse]) error {
	return s.watchParty(stream.Context(), req.GetMemberId(), stream.Send)
}

func (s *Service) watchParty(ctx context.Context, handle string, send func(*matchmakerv1.WatchPartyResponse) error) error {
	if err := s.cfg.Ready(); err != nil {
		return err
	}
	ctx, end, err := s.limits.watching(ctx, handle)
	if err != nil {
		return err
	}
	defer end()
	return watchMember(ctx, s.parts.Watchers, s.parts.Parties.Records, handle, s.describeParty, send, admission.PartyError)
}

// GetParty implements matchmaker.v1. It answers with what a watch would send now.
func (s *Service) GetParty(ctx context.Context, req *matchmakerv1.GetPartyRequest) (*matchmakerv1.GetPartyResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	p, at, err := pollMember(ctx, s.parts.Watchers, s.parts.Parties.Records, req.GetMemberId(), admission.PartyError)
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.GetPartyResponse{Party: s.describeParty(p, at)}, nil
}

func (s *Service) describeParty(p *party.Party, you int) *matchmakerv1.WatchPartyResponse {
	res := &matchmakerv1.WatchPartyResponse{
		PartyCode: p.Code, TicketId: p.Members[you].Ticket, RoomMemberId: p.Members[you].Room,
	}
	if parts := strings.Split(res.GetRoomMemberId(), "."); len(parts) == 3 {
		res.RoomCode = parts[1]
	}
	for i, m := range p.Members {
		res.Members = append(res.Members, &matchmakerv1.WatchPartyResponse_Member{
			PlayerId: m.Player, PublicId: s.parts.Pseudonyms.Public(m.Player), PlayerName: m.Name, Leader: i == 0, You: i == you,
		})
	}
	return res
}
