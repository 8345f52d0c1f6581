package matchmaker

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	// partyLook is how often a watched party is looked at, in case a hint of a
	// change was lost, and told.
	partyLook = watchSilence - 500*time.Millisecond
	// leaveTimeout bounds one try to take out a member who is gone, leavePause is
	// between two: the store may have no leader for longer than that.
	leaveTimeout = 5 * time.Second
	leavePause   = time.Second
)

func partyError(err error) error {
	switch {
	case errors.Is(err, party.ErrUnknown):
		return failure.New(failure.PartyUnknown)
	case errors.Is(err, party.ErrFull):
		return failure.New(failure.PartyFull)
	case errors.Is(err, party.ErrLeader):
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
		return nil, partyError(party.ErrLeader)
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
	p, err := s.parties.Create(ctx, who.ID, who.Name)
	if err != nil {
		return nil, partyError(err)
	}
	leader := party.Handle(p.Code, p.Members[0].Secret)
	s.leaveLater(leader, p.Members[0].Watch)
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
	p, m, err := s.parties.Join(ctx, req.GetPartyCode(), who.ID, who.Name)
	if err != nil {
		return nil, partyError(err)
	}
	member := party.Handle(p.Code, m.Secret)
	s.leaveLater(member, m.Watch)
	return &matchmakerv1.JoinPartyResponse{
		MemberId: member, PlayerId: who.ID, GuestToken: who.GuestToken, PlayerName: who.Name,
	}, nil
}

func (s *service) LeaveParty(ctx context.Context, req *matchmakerv1.LeavePartyRequest) (*matchmakerv1.LeavePartyResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	before, at, err := s.parties.Leave(ctx, req.GetMemberId(), "")
	if err != nil {
		return nil, partyError(err)
	}
	s.endPartySearch(ctx, before, at)
	return &matchmakerv1.LeavePartyResponse{}, nil
}

// endPartySearch cancels the search of a party that lost a member.
func (s *service) endPartySearch(ctx context.Context, before *party.Party, at int) {
	if handle := before.Members[at].Ticket; handle != "" {
		_, _ = s.CancelTicket(ctx, &matchmakerv1.CancelTicketRequest{TicketId: handle}) // it may have ended long ago
	}
}

func (s *service) WatchParty(req *matchmakerv1.WatchPartyRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchPartyResponse]) error {
	return s.watchParty(stream.Context(), req.GetMemberId(), stream.Send)
}

// watchParty sends a party at once, and when it has changed. A member whose
// newest watcher has gone leaves a moment later.
func (s *service) watchParty(ctx context.Context, handle string, send func(*matchmakerv1.WatchPartyResponse) error) error {
	if err := s.ready(); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	unsubscribe, err := s.parties.Changed(handle, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return partyError(err)
	}
	defer unsubscribe()
	watch := party.NewSecret()
	defer s.leaveLater(handle, watch) // also of one that was noted without an answer
	p, at, err := s.parties.Watched(ctx, handle, watch)
	if err != nil {
		return partyError(err)
	}
	look := time.NewTicker(partyLook)
	defer look.Stop()
	r := newRepeater(send, func(*matchmakerv1.WatchPartyResponse) bool { return true })
	defer r.stop()
	for {
		if err := r.send(describeParty(p, at)); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-look.C:
		case <-s.mm.stopping:
			return failure.New(failure.Stopping)
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
		if p, at, err = s.parties.Find(ctx, handle); err != nil {
			return partyError(err)
		}
		if isPoll(p.Members[at].Watch) { // which may have been the last one
			if p, at, err = s.parties.Watched(ctx, handle, watch); err != nil {
				return partyError(err)
			}
		}
	}
}

// GetParty answers with what a watch would send now.
func (s *service) GetParty(ctx context.Context, req *matchmakerv1.GetPartyRequest) (*matchmakerv1.GetPartyResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	handle := req.GetMemberId()
	p, at, err := s.parties.Find(ctx, handle)
	if err != nil {
		return nil, partyError(err)
	}
	if watch := s.polls.note(handle, p.Members[at].Watch); watch != "" {
		s.leaveAfterPolls(handle, watch) // also of one that was noted without an answer
		if p, at, err = s.parties.Watched(ctx, handle, watch); err != nil {
			return nil, partyError(err)
		}
	}
	return &matchmakerv1.GetPartyResponse{Party: describeParty(p, at)}, nil
}

// leaveAfterPolls takes a member out who polls no more.
func (s *service) leaveAfterPolls(handle, watch string) {
	s.mm.background.begin(func() {
		patience := s.mm.cfg.UnwatchedTimeout
		for left := patience; left > 0; left = s.polls.left(handle, watch, patience) {
			if !s.pause(left) {
				return
			}
		}
		s.leave(handle, watch)
	})
}

// leaveLater takes a member out who does not watch again.
func (s *service) leaveLater(handle, watch string) {
	s.mm.background.begin(func() {
		if s.pause(s.mm.cfg.UnwatchedTimeout) {
			s.leave(handle, watch)
		} // else the member watches at another replica, or everything is over
	})
}

// pause waits, for as long as the process runs. It reports false when that ends.
func (s *service) pause(d time.Duration) bool {
	passed, stop := steady.After(d)
	defer stop()
	select {
	case <-passed:
		return true
	case <-s.mm.stopping:
		return false
	}
}

// leave takes a member out unless there is a newer watcher.
func (s *service) leave(handle, watch string) {
	for !s.leaveNow(handle, watch) {
		select {
		case <-time.After(leavePause):
		case <-s.mm.stopping:
			return
		}
	}
}

// leaveNow reports whether the member is gone, or has come back.
func (s *service) leaveNow(handle, watch string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	before, at, err := s.parties.Leave(ctx, handle, watch)
	if err == nil {
		s.endPartySearch(ctx, before, at)
	}
	return err == nil || errors.Is(err, party.ErrUnknown)
}

func describeParty(p *party.Party, you int) *matchmakerv1.WatchPartyResponse {
	res := &matchmakerv1.WatchPartyResponse{PartyCode: p.Code, TicketId: p.Members[you].Ticket}
	for i, m := range p.Members {
		res.Members = append(res.Members, &matchmakerv1.WatchPartyResponse_Member{
			PlayerId: m.Player, PlayerName: m.Name, Leader: i == 0, You: i == you,
		})
	}
	return res
}
