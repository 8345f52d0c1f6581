package matchmaker

import (
	"context"

	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func (s *service) watchRoom(context.Context, string, func(*matchmakerv1.WatchRoomResponse) error) error {
	return failure.New(failure.Starting)
}
