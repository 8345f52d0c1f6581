package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	replicav1 "tactus/protocol/rpc/tactus/replica/v1"
)

// replicas holds a connection to each other matchmaker that was asked for.
type replicas struct {
	options []grpc.DialOption
	log     *zap.Logger

	mu      sync.Mutex
	closed  bool
	conns   map[string]*grpc.ClientConn
	failing map[string]bool // addresses of which the log says so
}

func newReplicas(credentials grpc.DialOption, log *zap.Logger) *replicas {
	return &replicas{
		conns: make(map[string]*grpc.ClientConn), failing: make(map[string]bool), log: log,
		options: []grpc.DialOption{
			credentials,
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
				MinConnectTimeout: 2 * time.Second,
			}),
		},
	}
}

// desk is the queues' desk at another matchmaker.
func (r *replicas) desk(address string) (desk, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ticket.ErrStopping
	}
	conn := r.conns[address]
	if conn == nil {
		var err error
		if conn, err = grpc.NewClient("passthrough:///"+address, r.options...); err != nil {
			return nil, err
		}
		r.conns[address] = conn
	}
	return &remoteDesk{client: replicav1.NewReplicaServiceClient(conn), address: address, replicas: r}, nil
}

// keep closes the connections to all others.
func (r *replicas) keep(addresses map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for address, conn := range r.conns {
		if !addresses[address] {
			_ = conn.Close()
			delete(r.conns, address)
			delete(r.failing, address)
		}
	}
}

func (r *replicas) close() {
	r.keep(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// remoteDesk is the desk of a queue that another replica owns.
type remoteDesk struct {
	client   replicav1.ReplicaServiceClient
	address  string
	replicas *replicas
}

// unreachable says that a replica could not be called at all. As long as it may
// be gone, that counts as [errMoved].
type unreachable struct {
	address string
	cause   error
}

func (u *unreachable) Error() string {
	return fmt.Sprintf("the matchmaker at %s can't be reached: %v", u.address, u.cause)
}

func (u *unreachable) Is(target error) bool { return target == errMoved }

// note logs when a replica begins to be out of reach, and when it is back.
func (r *replicas) note(address string, cause error) {
	r.mu.Lock()
	was := r.failing[address]
	if cause == nil {
		delete(r.failing, address)
	} else {
		r.failing[address] = true
	}
	r.mu.Unlock()
	switch {
	case cause != nil && !was:
		r.log.Warn("another matchmaker can't be reached", zap.String("address", address), zap.Error(cause))
	case cause == nil && was:
		r.log.Info("another matchmaker is reached again", zap.String("address", address))
	}
}

// forwarded makes errMoved of everything that says the replica is not (or no
// longer) the owner, or not there. Its connection may have been closed, too,
// because it does not live any more.
func (d *remoteDesk) forwarded(ctx context.Context, err error) error {
	code := status.Code(err)
	_, said := failure.ReasonOf(err)
	switch {
	case code == codes.Unavailable && !said: // it is gRPC's, not the replica's
		d.replicas.note(d.address, err)
		return &unreachable{address: d.address, cause: err}
	case err == nil || said:
		d.replicas.note(d.address, nil)
	}
	if code == codes.Aborted || code == codes.Unavailable || code == codes.Canceled && ctx.Err() == nil {
		return errMoved
	}
	return err
}

func (d *remoteDesk) add(ctx context.Context, t *ticket.Ticket) error {
	record := ticket.Record{Ticket: t}
	_, err := d.client.Add(ctx, &replicav1.AddRequest{Ticket: record.Encode()})
	return d.forwarded(ctx, err)
}

func (d *remoteDesk) watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.client.Watch(ctx, &replicav1.WatchRequest{Handle: handle})
	if err != nil {
		return d.forwarded(ctx, err)
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
			return d.forwarded(ctx, err)
		}
		if err := send(res); err != nil {
			return err
		}
		over = res.GetState() == matchmakerv1.WatchTicketResponse_STATE_ASSIGNED ||
			res.GetState() == matchmakerv1.WatchTicketResponse_STATE_ENDED
	}
}

// look opens a watch for its first message, which replicas of earlier releases
// have too.
func (d *remoteDesk) look(ctx context.Context, handle string) (*matchmakerv1.WatchTicketResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.client.Watch(ctx, &replicav1.WatchRequest{Handle: handle})
	if err != nil {
		return nil, d.forwarded(ctx, err)
	}
	now, err := stream.Recv()
	return now, d.forwarded(ctx, err)
}

func (d *remoteDesk) finish(ctx context.Context, id string, reason matchmakerv1.EndReason) (fate, error) {
	res, err := d.client.Finish(ctx, &replicav1.FinishRequest{TicketId: id, Reason: reason})
	return fate{known: res.GetKnown(), searching: res.GetSearching(), reason: res.GetReason()}, d.forwarded(ctx, err)
}

func (d *remoteDesk) answer(ctx context.Context, handle, match string, accept bool) error {
	_, err := d.client.Answer(ctx, &replicav1.AnswerRequest{Handle: handle, MatchId: match, Accept: accept})
	return d.forwarded(ctx, err)
}

// replicaService answers other matchmakers for the queues that this one owns.
type replicaService struct {
	replicav1.UnimplementedReplicaServiceServer
	*service
}

// local finds the desk of a queue that this process owns, or can own at once.
func (r replicaService) local(ctx context.Context, name string) (*localDesk, error) {
	q, err := r.queues.Own(ctx, name)
	if err != nil {
		if _, held := queue.IsHeld(err); held {
			return nil, status.Error(codes.Aborted, "another matchmaker owns this queue")
		}
		return nil, storeError(err)
	}
	return &localDesk{service: r.service, queue: q}, nil
}

func (r replicaService) at(ctx context.Context, id string) (*localDesk, error) {
	name, ok := ticket.QueueOf(id)
	if !ok {
		return nil, storeError(ticket.ErrUnknown)
	}
	return r.local(ctx, name)
}

// answered tells errMoved to the asking replica.
func answered(err error) error {
	if errors.Is(err, errMoved) {
		return status.Error(codes.Aborted, errMoved.Error())
	}
	return err
}

func (r replicaService) Add(ctx context.Context, req *replicav1.AddRequest) (*replicav1.AddResponse, error) {
	record, err := ticket.DecodeRecord(req.GetTicket())
	if err != nil {
		return nil, failure.Newf(failure.BadField, "%s", err.Error())
	}
	d, err := r.local(ctx, record.Ticket.Queue)
	if err != nil {
		return nil, err
	}
	if err := d.add(ctx, record.Ticket); err != nil {
		return nil, answered(addError(err))
	}
	return &replicav1.AddResponse{}, nil
}

func (r replicaService) Watch(req *replicav1.WatchRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchTicketResponse]) error {
	d, err := r.at(stream.Context(), req.GetHandle())
	if err != nil {
		return err
	}
	return answered(d.watch(stream.Context(), req.GetHandle(), stream.Send))
}

func (r replicaService) Finish(ctx context.Context, req *replicav1.FinishRequest) (*replicav1.FinishResponse, error) {
	d, err := r.at(ctx, req.GetTicketId())
	if err != nil {
		return nil, err
	}
	f, err := d.finish(ctx, req.GetTicketId(), req.GetReason())
	if err != nil {
		return nil, answered(err)
	}
	return &replicav1.FinishResponse{Known: f.known, Searching: f.searching, Reason: f.reason}, nil
}

func (r replicaService) Answer(ctx context.Context, req *replicav1.AnswerRequest) (*replicav1.AnswerResponse, error) {
	d, err := r.at(ctx, req.GetHandle())
	if err != nil {
		return nil, err
	}
	if err := d.answer(ctx, req.GetHandle(), req.GetMatchId(), req.GetAccept()); err != nil {
		return nil, answered(err)
	}
	return &replicav1.AnswerResponse{}, nil
}
