package api

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
)

func TestInterceptors_panicEndsItsOwnCallOnly(t *testing.T) {
	i := NewInterceptors(zap.NewNop(), time.Second)
	_, err := i.recoverUnary(context.Background(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { panic("unary") })
	if status.Code(err) != codes.Internal {
		t.Errorf("unary call: %v", err)
	}
	err = i.recoverStream(nil, nil, &grpc.StreamServerInfo{}, func(any, grpc.ServerStream) error { panic("stream") })
	if status.Code(err) != codes.Internal {
		t.Errorf("stream: %v", err)
	}
}

func TestInterceptors_causesAreLoggedAndNotSent(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	i := NewInterceptors(zap.New(core), time.Second)
	cause := errors.New("dial tcp 10.0.0.7:4222: connection refused")
	for _, tt := range []struct {
		err    error
		reason failure.Reason
		logged int
	}{
		{cause, failure.Internal, 1},
		{failure.New(failure.StoreUnavailable).Because(cause), failure.StoreUnavailable, 1},
		{fmt.Errorf("party p-1: %w", failure.New(failure.PartyFull)), failure.PartyFull, 0},
		{fmt.Errorf("reserve: %w", context.DeadlineExceeded), failure.DeadlineExceeded, 0},
	} {
		_, err := i.recoverUnary(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: "/a/B"},
			func(context.Context, any) (any, error) { return nil, tt.err })
		reason, _ := failure.ReasonOf(err)
		if reason != tt.reason || status.Convert(err).Message() != tt.reason.Kind().Message {
			t.Errorf("%v is sent as %v", tt.err, err)
		}
		if got := logs.TakeAll(); len(got) != tt.logged {
			t.Errorf("%v is logged as %v", tt.err, got)
		}
	}
	if _, err := i.recoverUnary(context.Background(), nil, &grpc.UnaryServerInfo{},
		func(context.Context, any) (any, error) { return 1, nil }); err != nil {
		t.Errorf("a good answer became %v", err)
	}
}
