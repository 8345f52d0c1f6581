package matchmaker

import (
	"context"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// recoverUnary and recoverStream keep a mistake in one call from ending the
// process and with it every other call.
func (m *Matchmaker) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer m.recovered(info.FullMethod, &err)
	return next(ctx, req)
}

func (m *Matchmaker) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer m.recovered(info.FullMethod, &err)
	return next(srv, stream)
}

func (m *Matchmaker) recovered(method string, err *error) {
	if p := recover(); p != nil {
		*err = m.panicked(method, p)
	}
}

func (m *Matchmaker) panicked(method string, p any) error {
	m.log.Error("call failed", zap.String("method", method), zap.Any("panic", p), zap.Stack("stack"))
	return status.Error(codes.Internal, "internal error")
}

// limitUnary bounds calls whose caller set no deadline, or a long one.
func (m *Matchmaker) limitUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.RequestTimeout)
	defer cancel()
	return next(ctx, req)
}
