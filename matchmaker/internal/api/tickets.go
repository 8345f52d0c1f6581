package api

import (
	"context"

	"google.golang.org/grpc"

	"tactus/internal/publicport"
	"tactus/matchmaker/internal/admission"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/repeat"
	"tactus/matchmaker/internal/routing"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// CreateTicket implements matchmaker.v1.
func (s *Service) CreateTicket(ctx context.Context, req *matchmakerv1.CreateTicketRequest) (*matchmakerv1.CreateTicketResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	if p := req.GetProtocol(); p != "" && p != s.cfg.Protocol {
		return nil, failure.Newf(failure.VersionNotServed, "players speak %s here, your client speaks %s; reload or update", s.cfg.Protocol, p)
	}
	admitted, err := s.parts.Admitter.Admit(ctx, admissionRequest(ctx, req))
	if err != nil {
		return nil, err
	}
	publicport.Seated(ctx)
	res := &matchmakerv1.CreateTicketResponse{
		TicketId: admitted.Handles[0], PlayerId: admitted.PlayerID, PublicId: s.parts.Pseudonyms.Public(admitted.PlayerID), PlayerName: admitted.PlayerName,
		GuestToken: admitted.GuestToken, Existing: admitted.Existing,
	}
	if req.GetPlayers() != nil {
		res.MemberTickets = admitted.Handles
	}
	return res, nil
}

func admissionRequest(ctx context.Context, req *matchmakerv1.CreateTicketRequest) *admission.Request {
	r := &admission.Request{
		ID: req.GetRequestId(), Party: req.GetParty(),
		GuestToken: req.GetGuestToken(), IdentityToken: req.GetIdentityToken(), PlayerName: req.GetPlayerName(),
		RoomCode: req.GetRoomCode(), MatchID: req.GetMatchId(), Replace: req.GetReplace(),
		Queue: req.GetQueue(), Game: req.GetGame(), Mode: req.GetMode(), Version: req.GetVersion(),
		Attributes: attributes(req.GetAttributes()), Latency: latencies(req.GetLatencyMs()),
		Public: isPublic(ctx),
	}
	for _, p := range req.GetPlayers() {
		r.Players = append(r.Players, admission.NamedPlayer{ID: p.GetPlayerId(), Name: p.GetPlayerName(), Skill: p.Skill})
	}
	return r
}

// WatchTicket implements matchmaker.v1.
func (s *Service) WatchTicket(req *matchmakerv1.WatchTicketRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchTicketResponse]) error {
	return s.watchTicket(stream.Context(), req.GetTicketId(), stream.Send)
}

// watchTicket streams a ticket's status from the replica that owns its queue.
func (s *Service) watchTicket(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	name, err := s.queueOf(handle)
	if err != nil {
		return err
	}
	ctx, end, err := s.limits.watching(ctx, handle)
	if err != nil {
		return err
	}
	defer end()
	r := repeat.New(send, func(m *matchmakerv1.WatchTicketResponse) bool {
		return m.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING // a proposal has a deadline, which passes
	})
	defer r.Stop()
	err = s.cfg.Router.Do(ctx, name, func(o routing.Owner) error {
		return o.Watch(ctx, handle, func(res *matchmakerv1.WatchTicketResponse) error {
			s.completePlayURL(ctx, res.GetAssignment())
			return r.Send(res)
		})
	})
	return watchError(ctx, err)
}

// GetTicket implements matchmaker.v1. It answers with what a watch would send now.
func (s *Service) GetTicket(ctx context.Context, req *matchmakerv1.GetTicketRequest) (*matchmakerv1.GetTicketResponse, error) {
	name, err := s.queueOf(req.GetTicketId())
	if err != nil {
		return nil, err
	}
	var now *matchmakerv1.WatchTicketResponse
	err = s.cfg.Router.Do(ctx, name, func(o routing.Owner) (err error) {
		now, err = o.Get(ctx, req.GetTicketId())
		return err
	})
	if err != nil {
		return nil, err
	}
	s.completePlayURL(ctx, now.GetAssignment())
	return &matchmakerv1.GetTicketResponse{Ticket: now}, nil
}

// CancelTicket implements matchmaker.v1.
func (s *Service) CancelTicket(ctx context.Context, req *matchmakerv1.CancelTicketRequest) (*matchmakerv1.CancelTicketResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	reason, err := s.parts.Searches.Cancel(ctx, req.GetTicketId())
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.CancelTicketResponse{Reason: reason}, nil
}

// AcceptMatch implements matchmaker.v1.
func (s *Service) AcceptMatch(ctx context.Context, req *matchmakerv1.AcceptMatchRequest) (*matchmakerv1.AcceptMatchResponse, error) {
	name, err := s.queueOf(req.GetTicketId())
	if err != nil {
		return nil, err
	}
	err = s.cfg.Router.Do(ctx, name, func(o routing.Owner) error {
		return o.Answer(ctx, req.GetTicketId(), req.GetMatchId(), req.GetAccept())
	})
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.AcceptMatchResponse{}, nil
}

// queueOf returns the queue of a ticket's handle.
func (s *Service) queueOf(handle string) (string, error) {
	if err := s.cfg.Ready(); err != nil {
		return "", err
	}
	return s.parts.Searches.QueueOf(handle)
}
