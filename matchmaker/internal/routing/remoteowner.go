package routing

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// remoteOwner is another replica as the owner of queues.
type remoteOwner struct {
	client  replicav1.ReplicaServiceClient
	address string
	peers   *peers
}

func (o *remoteOwner) Add(ctx context.Context, t *ticket.Ticket) error {
	record := ticket.Record{Ticket: t}
	_, err := o.client.Add(ctx, &replicav1.AddRequest{Ticket: record.Encode()})
	return o.received(ctx, err)
}

func (o *remoteOwner) Watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := o.client.Watch(ctx, &replicav1.WatchRequest{Handle: handle})
	if err != nil {
		return o.received(ctx, err)
	}
	over := false
	for {
		res, err := stream.Recv()
		switch {
		case over && errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.EOF):
			return errMoved
		case err != nil:
			return o.received(ctx, err)
		}
		if err := send(res); err != nil {
			return err
		}
		over = res.GetState() == matchmakerv1.WatchTicketResponse_STATE_ASSIGNED ||
			res.GetState() == matchmakerv1.WatchTicketResponse_STATE_ENDED
	}
}

// Get opens a watch for its first message, because replicas of earlier releases
// serve no other call for it.
func (o *remoteOwner) Get(ctx context.Context, handle string) (*matchmakerv1.WatchTicketResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := o.client.Watch(ctx, &replicav1.WatchRequest{Handle: handle})
	if err != nil {
		return nil, o.received(ctx, err)
	}
	now, err := stream.Recv()
	return now, o.received(ctx, err)
}

func (o *remoteOwner) Finish(ctx context.Context, id string, reason matchmakerv1.EndReason) (SearchStatus, error) {
	res, err := o.client.Finish(ctx, &replicav1.FinishRequest{TicketId: id, Reason: reason})
	return SearchStatus{Known: res.GetKnown(), Searching: res.GetSearching(), Reason: res.GetReason()}, o.received(ctx, err)
}

func (o *remoteOwner) Answer(ctx context.Context, handle, match string, accept bool) error {
	_, err := o.client.Answer(ctx, &replicav1.AnswerRequest{Handle: handle, MatchId: match, Accept: accept})
	return o.received(ctx, err)
}

// received makes errMoved of every error that means that the replica does not own
// the queue, or is not there. Its connection may also have been closed because the
// replica is not live any more.
func (o *remoteOwner) received(ctx context.Context, err error) error {
	code := status.Code(err)
	_, sent := failure.ReasonOf(err) // by the replica; else the error is gRPC's
	switch {
	case code == codes.Unavailable && !sent:
		o.peers.called(o.address, err)
		return &unreachableError{address: o.address, cause: err}
	case err == nil || sent:
		o.peers.called(o.address, nil)
	}
	if code == codes.Aborted || code == codes.Unavailable || code == codes.Canceled && ctx.Err() == nil {
		return errMoved
	}
	return err
}
