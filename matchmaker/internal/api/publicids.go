package api

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/pseudonym"
)

// publicIDs keeps the ids that only back ends may see inside the public port: answers
// have public ids in their place, and a request by such an id finds no player. An
// answer to it would show which pseudonym belongs to a guessed e-mail address. It is
// safe for concurrent use.
type publicIDs struct{ s *Service }

// WrapUnary implements [connect.Interceptor]. Answers are made for one call, so they are
// changed where they are.
func (p publicIDs) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if m, ok := req.Any().(proto.Message); ok && pseudonym.AsksByPrivate(m) {
			err := failure.Newf(failure.PlayerUnknown, "players are known by their public ids here; take the id from an answer")
			return nil, failure.Connect(p.s.calls.publicError(req.Spec().Procedure, err))
		}
		res, err := next(ctx, req)
		if err != nil {
			return nil, err
		}
		if m, ok := res.Any().(proto.Message); ok {
			p.s.parts.Pseudonyms.Publish(m)
		}
		return res, nil
	}
}

// WrapStreamingClient implements [connect.Interceptor]. Handlers do not use it.
func (publicIDs) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements [connect.Interceptor].
func (p publicIDs) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, publicStream{conn, p.s})
	}
}

// publicStream sends public ids. A watch keeps what it sent, to compare it with what it
// would send next, so each message is copied.
type publicStream struct {
	connect.StreamingHandlerConn
	s *Service
}

func (p publicStream) Send(message any) error {
	if m, ok := message.(proto.Message); ok {
		m = proto.Clone(m)
		p.s.parts.Pseudonyms.Publish(m)
		message = m
	}
	return p.StreamingHandlerConn.Send(message)
}
