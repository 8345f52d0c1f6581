package fleet

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/testtime"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// wire is a stream without a network, for fake time.
type wire struct {
	grpc.ServerStream
	ctx  context.Context //nolint:containedctx // a stream has one, as in grpc
	sent chan *fleetv1.ConnectRequest
}

func (w *wire) Context() context.Context            { return w.ctx }
func (w *wire) Send(*fleetv1.ConnectResponse) error { return nil }
func (w *wire) Recv() (*fleetv1.ConnectRequest, error) {
	select {
	case m := <-w.sent:
		return m, nil
	case <-w.ctx.Done():
		return nil, w.ctx.Err()
	}
}

// A process that hangs keeps its connection: it must not keep its place too.
func TestService_silentServerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		defer r.Stop()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := &wire{ctx: ctx, sent: make(chan *fleetv1.ConnectRequest)}
		done := make(chan error, 1)
		go func() { done <- NewService(r).Connect(w) }()
		w.sent <- &fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: register("s1")}}
		for range 5 * 60 {
			testtime.Sleep(time.Second)
			w.sent <- &fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Load{Load: &fleetv1.Load{}}}
		}
		synctest.Wait()
		if r.Totals().Servers != 1 {
			t.Fatal("gone while it told its load")
		}
		testtime.Sleep(leastSilence - time.Second)
		synctest.Wait()
		if r.Totals().Servers != 1 {
			t.Error("gone although it was silent for a moment only")
		}
		testtime.Sleep(leastSilence + time.Second)
		synctest.Wait()
		if r.Totals().Servers != 0 {
			t.Error("still there")
		}
		if err := <-done; status.Code(err) != codes.Unavailable {
			t.Errorf("told %v", err)
		}
	})
}
