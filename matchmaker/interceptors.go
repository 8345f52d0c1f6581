package matchmaker

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"tactus/matchmaker/internal/failure"
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
		return
	}
	*err = m.told(method, *err)
}

func (m *Matchmaker) panicked(method string, p any) error {
	m.log.Error("call failed", zap.String("method", method), zap.Any("panic", p), zap.Stack("stack"))
	return failure.New(failure.Internal)
}

// told is the error as its caller hears of it. What is behind it is for the log.
func (m *Matchmaker) told(method string, err error) error {
	var sent *connect.Error // by Connect itself: the caller has gone
	if err == nil || errors.As(err, &sent) {
		return err
	}
	s := failure.Status(err)
	level := zap.DebugLevel
	if s.Code() == codes.Internal || s.Code() == codes.Unknown || errors.Is(err, failure.New(failure.StoreUnavailable)) {
		level = zap.WarnLevel
	}
	m.log.Log(level, "call refused", zap.String("method", method), zap.Error(err))
	return s.Err()
}

// limitUnary bounds calls whose caller set no deadline, or a long one.
func (m *Matchmaker) limitUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.RequestTimeout)
	defer cancel()
	return next(ctx, req)
}
