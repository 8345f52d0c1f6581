package api

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"tactus/matchmaker/internal/failure"
)

// Interceptors bound the calls of a gRPC server, recover from their panics and make
// errors that callers may see of theirs. They are safe for concurrent use.
type Interceptors struct {
	log     *zap.Logger
	timeout time.Duration
}

// NewInterceptors makes interceptors for calls that may take so long; streams may
// take longer.
func NewInterceptors(log *zap.Logger, timeout time.Duration) *Interceptors {
	return &Interceptors{log: log, timeout: timeout}
}

// Options installs the interceptors in a server.
func (i *Interceptors) Options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(i.recoverUnary, i.limitUnary),
		grpc.ChainStreamInterceptor(i.recoverStream),
	}
}

// recoverUnary and recoverStream keep a mistake in one call from ending the process
// and with it every other call.
func (i *Interceptors) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer i.recovered(info.FullMethod, &err)
	return next(ctx, req)
}

func (i *Interceptors) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer i.recovered(info.FullMethod, &err)
	return next(srv, stream)
}

func (i *Interceptors) recovered(method string, err *error) {
	if p := recover(); p != nil {
		*err = i.panicked(method, p)
		return
	}
	*err = i.publicError(method, *err)
}

func (i *Interceptors) panicked(method string, p any) error {
	i.log.Error("call panicked", zap.String("method", method), zap.Any("panic", p), zap.Stack("stack"))
	return failure.New(failure.Internal)
}

// publicError is the error that a caller gets. Its cause is logged only.
func (i *Interceptors) publicError(method string, err error) error {
	var sent *connect.Error // made by Connect: the caller has gone
	if err == nil || errors.As(err, &sent) {
		return err
	}
	s := failure.Status(err)
	level := zap.DebugLevel
	if s.Code() == codes.Internal || s.Code() == codes.Unknown || errors.Is(err, failure.New(failure.StoreUnavailable)) {
		level = zap.WarnLevel
	}
	i.log.Log(level, "call rejected", zap.String("method", method), zap.Error(err))
	return s.Err()
}

// limitUnary bounds calls without a deadline, or with a long one.
func (i *Interceptors) limitUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	return next(ctx, req)
}
