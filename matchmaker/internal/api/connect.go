package api

import (
	"context"

	"connectrpc.com/connect"

	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// connectService is the service as Connect's handlers call it.
type connectService struct{ *Service }

var _ matchmakerv1connect.MatchmakerServiceHandler = connectService{}

func unary[Req, Res any](
	ctx context.Context, s *Service, req *connect.Request[Req], call func(context.Context, *Req) (*Res, error),
) (*connect.Response[Res], error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	res, err := call(ctx, req.Msg)
	if err != nil {
		return nil, failure.Connect(s.calls.publicError(req.Spec().Procedure, err))
	}
	return connect.NewResponse(res), nil
}

func (c connectService) CreateTicket(ctx context.Context, req *connect.Request[matchmakerv1.CreateTicketRequest]) (*connect.Response[matchmakerv1.CreateTicketResponse], error) {
	return unary(ctx, c.Service, req, c.Service.CreateTicket)
}

func (c connectService) WatchTicket(ctx context.Context, req *connect.Request[matchmakerv1.WatchTicketRequest], stream *connect.ServerStream[matchmakerv1.WatchTicketResponse]) error {
	if err := c.watchTicket(ctx, req.Msg.GetTicketId(), stream.Send); err != nil {
		return failure.Connect(c.calls.publicError(req.Spec().Procedure, err))
	}
	return nil
}

func (c connectService) GetTicket(ctx context.Context, req *connect.Request[matchmakerv1.GetTicketRequest]) (*connect.Response[matchmakerv1.GetTicketResponse], error) {
	return unary(ctx, c.Service, req, c.Service.GetTicket)
}

func (c connectService) CancelTicket(ctx context.Context, req *connect.Request[matchmakerv1.CancelTicketRequest]) (*connect.Response[matchmakerv1.CancelTicketResponse], error) {
	return unary(ctx, c.Service, req, c.Service.CancelTicket)
}

func (c connectService) CreateRoom(ctx context.Context, req *connect.Request[matchmakerv1.CreateRoomRequest]) (*connect.Response[matchmakerv1.CreateRoomResponse], error) {
	return unary(ctx, c.Service, req, c.Service.CreateRoom)
}

func (c connectService) ReportPlayer(ctx context.Context, req *connect.Request[matchmakerv1.ReportPlayerRequest]) (*connect.Response[matchmakerv1.ReportPlayerResponse], error) {
	return unary(ctx, c.Service, req, c.Service.ReportPlayer)
}

func (c connectService) ListMatches(ctx context.Context, req *connect.Request[matchmakerv1.ListMatchesRequest]) (*connect.Response[matchmakerv1.ListMatchesResponse], error) {
	return unary(ctx, c.Service, req, c.Service.ListMatches)
}

func (c connectService) ListGames(ctx context.Context, req *connect.Request[matchmakerv1.ListGamesRequest]) (*connect.Response[matchmakerv1.ListGamesResponse], error) {
	return unary(ctx, c.Service, req, c.Service.ListGames)
}

func (c connectService) AcceptMatch(ctx context.Context, req *connect.Request[matchmakerv1.AcceptMatchRequest]) (*connect.Response[matchmakerv1.AcceptMatchResponse], error) {
	return unary(ctx, c.Service, req, c.Service.AcceptMatch)
}

func (c connectService) CreateParty(ctx context.Context, req *connect.Request[matchmakerv1.CreatePartyRequest]) (*connect.Response[matchmakerv1.CreatePartyResponse], error) {
	return unary(ctx, c.Service, req, c.Service.CreateParty)
}

func (c connectService) JoinParty(ctx context.Context, req *connect.Request[matchmakerv1.JoinPartyRequest]) (*connect.Response[matchmakerv1.JoinPartyResponse], error) {
	return unary(ctx, c.Service, req, c.Service.JoinParty)
}

func (c connectService) GetParty(ctx context.Context, req *connect.Request[matchmakerv1.GetPartyRequest]) (*connect.Response[matchmakerv1.GetPartyResponse], error) {
	return unary(ctx, c.Service, req, c.Service.GetParty)
}

func (c connectService) LeaveParty(ctx context.Context, req *connect.Request[matchmakerv1.LeavePartyRequest]) (*connect.Response[matchmakerv1.LeavePartyResponse], error) {
	return unary(ctx, c.Service, req, c.Service.LeaveParty)
}

func (c connectService) ListQueues(ctx context.Context, req *connect.Request[matchmakerv1.ListQueuesRequest]) (*connect.Response[matchmakerv1.ListQueuesResponse], error) {
	return unary(ctx, c.Service, req, c.Service.ListQueues)
}

func (c connectService) GetRating(ctx context.Context, req *connect.Request[matchmakerv1.GetRatingRequest]) (*connect.Response[matchmakerv1.GetRatingResponse], error) {
	return unary(ctx, c.Service, req, c.Service.GetRating)
}

func (c connectService) ListLeaderboard(ctx context.Context, req *connect.Request[matchmakerv1.ListLeaderboardRequest]) (*connect.Response[matchmakerv1.ListLeaderboardResponse], error) {
	return unary(ctx, c.Service, req, c.Service.ListLeaderboard)
}

func (c connectService) ListHistory(ctx context.Context, req *connect.Request[matchmakerv1.ListHistoryRequest]) (*connect.Response[matchmakerv1.ListHistoryResponse], error) {
	return unary(ctx, c.Service, req, c.Service.ListHistory)
}

func (c connectService) WatchParty(ctx context.Context, req *connect.Request[matchmakerv1.WatchPartyRequest], stream *connect.ServerStream[matchmakerv1.WatchPartyResponse]) error {
	if err := c.watchParty(ctx, req.Msg.GetMemberId(), stream.Send); err != nil {
		return failure.Connect(c.calls.publicError(req.Spec().Procedure, err))
	}
	return nil
}

func (c connectService) JoinRoom(ctx context.Context, req *connect.Request[matchmakerv1.JoinRoomRequest]) (*connect.Response[matchmakerv1.JoinRoomResponse], error) {
	return unary(ctx, c.Service, req, c.Service.JoinRoom)
}

func (c connectService) GetRoom(ctx context.Context, req *connect.Request[matchmakerv1.GetRoomRequest]) (*connect.Response[matchmakerv1.GetRoomResponse], error) {
	return unary(ctx, c.Service, req, c.Service.GetRoom)
}

func (c connectService) SetRoom(ctx context.Context, req *connect.Request[matchmakerv1.SetRoomRequest]) (*connect.Response[matchmakerv1.SetRoomResponse], error) {
	return unary(ctx, c.Service, req, c.Service.SetRoom)
}

func (c connectService) SetReady(ctx context.Context, req *connect.Request[matchmakerv1.SetReadyRequest]) (*connect.Response[matchmakerv1.SetReadyResponse], error) {
	return unary(ctx, c.Service, req, c.Service.SetReady)
}

func (c connectService) StartRoom(ctx context.Context, req *connect.Request[matchmakerv1.StartRoomRequest]) (*connect.Response[matchmakerv1.StartRoomResponse], error) {
	return unary(ctx, c.Service, req, c.Service.StartRoom)
}

func (c connectService) LeaveRoom(ctx context.Context, req *connect.Request[matchmakerv1.LeaveRoomRequest]) (*connect.Response[matchmakerv1.LeaveRoomResponse], error) {
	return unary(ctx, c.Service, req, c.Service.LeaveRoom)
}

func (c connectService) WatchRoom(ctx context.Context, req *connect.Request[matchmakerv1.WatchRoomRequest], stream *connect.ServerStream[matchmakerv1.WatchRoomResponse]) error {
	if err := c.watchRoom(ctx, req.Msg.GetMemberId(), stream.Send); err != nil {
		return failure.Connect(c.calls.publicError(req.Spec().Procedure, err))
	}
	return nil
}
