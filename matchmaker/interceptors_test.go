package matchmaker

import (
	"context"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestPanicEndsItsOwnCallOnly(t *testing.T) {
	m := &Matchmaker{log: zap.NewNop()}
	_, err := m.recoverUnary(context.Background(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { panic("unary") })
	if status.Code(err) != codes.Internal {
		t.Errorf("unary call: %v", err)
	}
	err = m.recoverStream(nil, nil, &grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error { panic("stream") })
	if status.Code(err) != codes.Internal {
		t.Errorf("stream: %v", err)
	}
}
