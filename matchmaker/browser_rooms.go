package matchmaker

import (
	"context"

	"connectrpc.com/connect"

	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func (b browserService) JoinRoom(ctx context.Context, req *connect.Request[matchmakerv1.JoinRoomRequest]) (*connect.Response[matchmakerv1.JoinRoomResponse], error) {
	return unary(ctx, b.service, req, b.service.JoinRoom)
}

func (b browserService) GetRoom(ctx context.Context, req *connect.Request[matchmakerv1.GetRoomRequest]) (*connect.Response[matchmakerv1.GetRoomResponse], error) {
	return unary(ctx, b.service, req, b.service.GetRoom)
}

func (b browserService) SetRoom(ctx context.Context, req *connect.Request[matchmakerv1.SetRoomRequest]) (*connect.Response[matchmakerv1.SetRoomResponse], error) {
	return unary(ctx, b.service, req, b.service.SetRoom)
}

func (b browserService) SetReady(ctx context.Context, req *connect.Request[matchmakerv1.SetReadyRequest]) (*connect.Response[matchmakerv1.SetReadyResponse], error) {
	return unary(ctx, b.service, req, b.service.SetReady)
}

func (b browserService) StartRoom(ctx context.Context, req *connect.Request[matchmakerv1.StartRoomRequest]) (*connect.Response[matchmakerv1.StartRoomResponse], error) {
	return unary(ctx, b.service, req, b.service.StartRoom)
}

func (b browserService) LeaveRoom(ctx context.Context, req *connect.Request[matchmakerv1.LeaveRoomRequest]) (*connect.Response[matchmakerv1.LeaveRoomResponse], error) {
	return unary(ctx, b.service, req, b.service.LeaveRoom)
}

func (b browserService) WatchRoom(ctx context.Context, req *connect.Request[matchmakerv1.WatchRoomRequest], stream *connect.ServerStream[matchmakerv1.WatchRoomResponse]) error {
	if err := b.watchRoom(ctx, req.Msg.GetMemberId(), stream.Send); err != nil {
		return failure.Connect(b.mm.told(req.Spec().Procedure, err))
	}
	return nil
}
