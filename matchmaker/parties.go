package matchmaker

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func partyError(err error) error {
	switch {
	case errors.Is(err, membership.ErrUnknown):
		return failure.New(failure.PartyUnknown)
	case errors.Is(err, membership.ErrFull):
		return failure.New(failure.PartyFull)
	case errors.Is(err, membership.ErrFirst):
		return failure.New(failure.NotPartyLeader)
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}

// partyPlayers are the members of a party whose leader asks.
func (s *service) partyPlayers(ctx context.Context, handle, address string) (*askers, error) {
	p, at, err := s.parties.Find(ctx, handle)
	if err != nil {
		return nil, partyError(err)
	}
	if at != 0 {
		return nil, partyError(membership.ErrFirst)
	}
	if err := s.limits.player(p.Members[0].Player, address); err != nil {
		return nil, err
	}
	a := &askers{party: p.Code}
	for _, m := range p.Members {
		a.players = append(a.players, ticket.Member{Player: m.Player, Name: m.Name})
		a.skills = append(a.skills, nil)
	}
	return a, nil
}

// enterParty says who wants to make or join a party.
func (s *service) enterParty(ctx context.Context, guest, token, name string, limit func(address string) error) (identity.Player, error) {
	if err := s.ready(); err != nil {
		return identity.Player{}, err
	}
	if err := limit(clientAddress(ctx)); err != nil {
		return identity.Player{}, err
	}
	return s.identity.Identify(ctx, guest, token, name)
}

func (s *service) CreateParty(ctx context.Context, req *matchmakerv1.CreatePartyRequest) (*matchmakerv1.CreatePartyResponse, error) {
	who, err := s.enterParty(ctx, req.GetGuestToken(), req.GetIdentityToken(), req.GetPlayerName(), s.limits.room)
	if err != nil {
		return nil, err
	}
	p, err := s.parties.Create(ctx, s.watchers.NewMember(who.ID, who.Name))
	if err != nil {
		return nil, partyError(err)
	}
	leader := s.parties.Handle(p.Code, p.Members[0].Secret)
	s.watchers.Left(leader, p.Members[0].Watch)
	return &matchmakerv1.CreatePartyResponse{
		PartyCode: p.Code, MemberId: leader,
		PlayerId: who.ID, GuestToken: who.GuestToken, PlayerName: who.Name,
	}, nil
}

func (s *service) JoinParty(ctx context.Context, req *matchmakerv1.JoinPartyRequest) (*matchmakerv1.JoinPartyResponse, error) {
	if err := checkCode("party_code", req.GetPartyCode()); err != nil {
		return nil, err
	}
	who, err := s.enterParty(ctx, req.GetGuestToken(), req.GetIdentityToken(), req.GetPlayerName(), s.limits.code)
	if err != nil {
		return nil, err
	}
	m := s.watchers.NewMember(who.ID, who.Name)
	p, err := s.parties.Join(ctx, req.GetPartyCode(), m)
	if err != nil {
		return nil, partyError(err)
	}
	member := s.parties.Handle(p.Code, m.Secret)
	s.watchers.Left(member, m.Watch)
	s.followIntoRoom(ctx, p, m)
	return &matchmakerv1.JoinPartyResponse{
		MemberId: member, PlayerId: who.ID, GuestToken: who.GuestToken, PlayerName: who.Name,
	}, nil
}

func (s *service) LeaveParty(ctx context.Context, req *matchmakerv1.LeavePartyRequest) (*matchmakerv1.LeavePartyResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.leaveParty(ctx, req.GetMemberId(), ""); err != nil {
		return nil, partyError(err)
	}
	return &matchmakerv1.LeavePartyResponse{}, nil
}

// leaveParty takes a member out, which cancels the party's search.
func (s *service) leaveParty(ctx context.Context, handle, watch string) error {
	left, _, err := s.parties.Leave(ctx, handle, watch, nil)
	if err == nil && left.Ticket != "" {
		_, _ = s.CancelTicket(ctx, &matchmakerv1.CancelTicketRequest{TicketId: left.Ticket}) // it may have ended long ago
	}
	return err
}

func (s *service) WatchParty(req *matchmakerv1.WatchPartyRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchPartyResponse]) error {
	return s.watchParty(stream.Context(), req.GetMemberId(), stream.Send)
}

func (s *service) watchParty(ctx context.Context, handle string, send func(*matchmakerv1.WatchPartyResponse) error) error {
	if err := s.ready(); err != nil {
		return err
	}
	return watchMember(ctx, s.watchers, s.parties.Records, handle, describeParty, send, partyError)
}

// GetParty answers with what a watch would send now.
func (s *service) GetParty(ctx context.Context, req *matchmakerv1.GetPartyRequest) (*matchmakerv1.GetPartyResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	p, at, err := pollMember(ctx, s.watchers, s.parties.Records, req.GetMemberId(), partyError)
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.GetPartyResponse{Party: describeParty(p, at)}, nil
}

func describeParty(p *party.Party, you int) *matchmakerv1.WatchPartyResponse {
	res := &matchmakerv1.WatchPartyResponse{
		PartyCode: p.Code, TicketId: p.Members[you].Ticket, RoomMemberId: p.Members[you].Room,
	}
	if parts := strings.Split(res.GetRoomMemberId(), "."); len(parts) == 3 {
		res.RoomCode = parts[1]
	}
	for i, m := range p.Members {
		res.Members = append(res.Members, &matchmakerv1.WatchPartyResponse_Member{
			PlayerId: m.Player, PlayerName: m.Name, Leader: i == 0, You: i == you,
		})
	}
	return res
}
