package routing

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// ReplicaService serves replica.v1: calls of other replicas for the queues that
// this process owns. It is safe for concurrent use.
type ReplicaService struct {
	replicav1.UnimplementedReplicaServiceServer
	router *Router
}

// NewReplicaService makes the service of a router's process.
func NewReplicaService(r *Router) *ReplicaService { return &ReplicaService{router: r} }

// Add implements replica.v1.
func (s *ReplicaService) Add(ctx context.Context, req *replicav1.AddRequest) (*replicav1.AddResponse, error) {
	record, err := ticket.DecodeRecord(req.GetTicket())
	if err != nil {
		return nil, failure.Newf(failure.BadField, "%s", err.Error())
	}
	owner, err := s.local(ctx, record.Ticket.Queue)
	if err != nil {
		return nil, err
	}
	if err := owner.Add(ctx, record.Ticket); err != nil {
		return nil, abortedIfMoved(err)
	}
	return &replicav1.AddResponse{}, nil
}

// Watch implements replica.v1.
func (s *ReplicaService) Watch(req *replicav1.WatchRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchTicketResponse]) error {
	owner, err := s.localOf(stream.Context(), req.GetHandle())
	if err != nil {
		return err
	}
	return abortedIfMoved(owner.Watch(stream.Context(), req.GetHandle(), stream.Send))
}

// Finish implements replica.v1.
func (s *ReplicaService) Finish(ctx context.Context, req *replicav1.FinishRequest) (*replicav1.FinishResponse, error) {
	owner, err := s.localOf(ctx, req.GetTicketId())
	if err != nil {
		return nil, err
	}
	now, err := owner.Finish(ctx, req.GetTicketId(), req.GetReason())
	if err != nil {
		return nil, abortedIfMoved(err)
	}
	return &replicav1.FinishResponse{Known: now.Known, Searching: now.Searching, Reason: now.Reason}, nil
}

// Answer implements replica.v1.
func (s *ReplicaService) Answer(ctx context.Context, req *replicav1.AnswerRequest) (*replicav1.AnswerResponse, error) {
	owner, err := s.localOf(ctx, req.GetHandle())
	if err != nil {
		return nil, err
	}
	if err := owner.Answer(ctx, req.GetHandle(), req.GetMatchId(), req.GetAccept()); err != nil {
		return nil, abortedIfMoved(err)
	}
	return &replicav1.AnswerResponse{}, nil
}

// local returns a queue that this process owns, or can own immediately.
func (s *ReplicaService) local(ctx context.Context, name string) (*localOwner, error) {
	q, err := s.router.queues.Own(ctx, name)
	if err != nil {
		if _, held := queue.IsHeld(err); held {
			return nil, status.Error(codes.Aborted, "another matchmaker owns this queue")
		}
		return nil, ticketError(err)
	}
	return &localOwner{router: s.router, queue: q}, nil
}

// localOf returns the queue of a ticket, or of a member's handle of it.
func (s *ReplicaService) localOf(ctx context.Context, id string) (*localOwner, error) {
	name, ok := ticket.QueueOf(id)
	if !ok {
		return nil, ticketError(ticket.ErrUnknown)
	}
	return s.local(ctx, name)
}

// abortedIfMoved is the status by which another replica recognizes errMoved.
func abortedIfMoved(err error) error {
	if errors.Is(err, errMoved) {
		return status.Error(codes.Aborted, errMoved.Error())
	}
	return err
}
