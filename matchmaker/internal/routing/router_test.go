package routing

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/ticket"
)

var errDown = &unreachableError{address: "b:1", cause: errors.New("connection refused")}

func router(live bool) *Router {
	return &Router{cfg: Config{Live: func(string) bool { return live }}, peers: newPeers(nil, zap.NewNop())}
}

// givesUp returns after how long the router gives up, and the failure.
func givesUp(r *Router, err error) (time.Duration, error) {
	began, a := time.Now(), newAttempts()
	for {
		if failed := r.giveUp(context.Background(), a, err); failed != nil {
			return time.Since(began), failed
		}
		testtime.Sleep(time.Millisecond)
	}
}

func TestRouter_givesUpAnOwnerThatLivesAndCannotBeCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if after, err := givesUp(router(true), errDown); after < replicaPatience || after > replicaPatience+time.Second ||
			!errors.Is(err, failure.New(failure.ReplicaUnreachable)) {
			t.Errorf("after %s: %v", after, err)
		}
	})
}

// A proxy in front of a replica may take seconds to report that it can't reach it.
func TestRouter_givesUpAnOwnerWhoseCallsFailSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := router(true).repeat(ctx, func() (Owner, error) { return nil, nil }, func(Owner) error {
			testtime.Sleep(2 * maxBackoff)
			return errDown
		})
		if after := time.Since(began); !errors.Is(err, failure.New(failure.ReplicaUnreachable)) || after > 2*replicaPatience {
			t.Errorf("after %s: %v", after, err)
		}
	})
}

func TestRouter_waitsLongerForTheOwnerAfterADeadOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range []error{errDown, errMoved} {
			if after, got := givesUp(router(false), err); after < ownerPatience || after > ownerPatience+time.Second ||
				!errors.Is(got, failure.New(failure.StoreUnavailable)) {
				t.Errorf("%v: after %s: %v", err, after, got)
			}
		}
	})
}

func TestRouter_givesUpImmediatelyWhereNoOwnerCanBe(t *testing.T) {
	for err, want := range map[error]failure.Reason{ticket.ErrUnknown: failure.TicketUnknown, ticket.ErrStopping: failure.Stopping} {
		if got := router(true).giveUp(t.Context(), newAttempts(), err); !errors.Is(got, failure.New(want)) {
			t.Errorf("%v: %v", err, got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := router(true).giveUp(ended, newAttempts(), errMoved); status.Code(got) != codes.Canceled {
		t.Errorf("the caller has gone: %v", got)
	}
}

func TestRemoteOwner_movedAndUnreachableMakeTheRouterTryAgain(t *testing.T) {
	o := &remoteOwner{address: "b:1", peers: newPeers(nil, zap.NewNop())}
	for name, c := range map[string]struct {
		err         error
		moved       bool
		unreachable bool
	}{
		"success":             {nil, false, false},
		"gRPC is unavailable": {status.Error(codes.Unavailable, "connection refused"), true, true},
		"replica is stopping": {failure.New(failure.Stopping), true, false},
		"not the owner":       {status.Error(codes.Aborted, "another matchmaker owns this queue"), true, false},
		"connection closed":   {status.Error(codes.Canceled, "grpc: the client connection is closing"), true, false},
		"a failure":           {failure.New(failure.ProposalGone), false, false},
	} {
		got := o.received(t.Context(), c.err)
		_, unreachable := errors.AsType[*unreachableError](got)
		if errors.Is(got, errMoved) != c.moved || unreachable != c.unreachable {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPeers_logsAnUnreachableReplicaOnce(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	p := newPeers(nil, zap.New(core))
	for _, cause := range []error{nil, errDown, errDown, nil, nil, errDown} {
		p.called("b:1", cause)
	}
	if down, up := logs.FilterMessage("matchmaker unreachable").Len(), logs.FilterMessage("matchmaker reachable again").Len(); down != 2 || up != 1 {
		t.Errorf("logs %v", logs.All())
	}
}

func TestPeers_closedPeersHaveNoOwners(t *testing.T) {
	p := newPeers(nil, zap.NewNop())
	p.close()
	if _, err := p.owner("b:1"); !errors.Is(err, ticket.ErrStopping) {
		t.Errorf("error %v", err)
	}
}
