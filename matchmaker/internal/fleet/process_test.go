package fleet

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"tactus/internal/testtime"
	"tactus/protocol/rpc/feature"
	"tactus/protocol/rpc/refusal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// process is a game server process on a stream without a network. While it runs it
// reports its load each second and answers pings.
type process struct {
	grpc.ServerStream
	ctx     context.Context //nolint:containedctx // a stream has one, as in grpc
	sent    chan *fleetv1.ConnectRequest
	frozen  chan bool
	ended   chan error
	stop    context.CancelFunc
	silence bool // it sends no loads, but answers pings
}

func (p *process) Context() context.Context { return p.ctx }

func (p *process) Send(m *fleetv1.ConnectResponse) error {
	if m.GetPing() != nil {
		select {
		case p.sent <- nil:
		default:
		}
	}
	return nil
}

func (p *process) Recv() (*fleetv1.ConnectRequest, error) {
	load := &fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Load{Load: &fleetv1.Load{}}}
	frozen := false
	for {
		var tick <-chan time.Time
		var sent chan *fleetv1.ConnectRequest
		if !frozen {
			sent = p.sent
			if !p.silence {
				tick = time.After(time.Second)
			}
		}
		select {
		case m := <-sent:
			if m == nil {
				m = load
			}
			return m, nil
		case <-tick:
			return load, nil
		case frozen = <-p.frozen:
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		}
	}
}

// connect starts a process with an id.
func connect(t *testing.T, r *Registry, name, address string, features ...string) *process {
	t.Helper()
	ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(address), Port: 4711}})
	ctx, stop := context.WithCancel(ctx)
	p := &process{
		ctx: ctx, stop: stop, sent: make(chan *fleetv1.ConnectRequest, 10), frozen: make(chan bool), ended: make(chan error, 1),
		silence: len(features) > 0,
	}
	reg := register("s1")
	reg.Process, reg.Features = []byte(name), features
	reg.PublicUrl = "ws://" + name + ".test/play"
	p.sent <- &fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: reg}}
	go func() { p.ended <- NewService(r).Connect(p) }()
	return p
}

// end waits for the end of the stream.
func (p *process) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(10 * time.Second): // of fake time
		t.Fatal("the stream goes on")
		return nil
	}
}

// leave ends the process's stream.
func (p *process) leave(t *testing.T) {
	t.Helper()
	p.stop()
	if err := p.end(t); status.Code(err) != codes.Canceled && !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
}

// refused waits for the end of a stream, which another process has caused.
func (p *process) refused(t *testing.T) string {
	t.Helper()
	err := p.end(t)
	reason, other := refusal.Of(err)
	if status.Code(err) != codes.FailedPrecondition || reason != refusal.ServerIDInUse {
		t.Fatalf("ended by %v", err)
	}
	return other["address"] + " " + other["age"]
}

func TestService_livingProcessKeepsItsID(t *testing.T) {
	for name, features := range map[string][]string{"heard of by loads": nil, "heard of by pings": {feature.Ping}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTestRegistry()
				defer r.Stop()
				first := connect(t, r, "first", "192.0.2.1", features...)
				synctest.Wait()
				for range 15 { // a minute of attempts, at different moments between two loads
					testtime.Sleep(3900 * time.Millisecond)
					second := connect(t, r, "second", "192.0.2.2")
					other := second.refused(t)
					if !strings.HasPrefix(other, "192.0.2.1 ") || strings.HasSuffix(other, " 0s") {
						t.Errorf("the other is %s", other)
					}
				}
				if url := urlOf(r, "s1"); url != "ws://first.test/play" || len(first.ended) > 0 {
					t.Errorf("the id is that of %s", url)
				}
				first.leave(t)
				third := connect(t, r, "second", "192.0.2.2")
				synctest.Wait()
				if url := urlOf(r, "s1"); url != "ws://second.test/play" {
					t.Errorf("the other is gone, the id is that of %q", url)
				}
				third.leave(t)
			})
		})
	}
}

func TestService_frozenProcessLosesItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		defer r.Stop()
		first := connect(t, r, "first", "192.0.2.1", feature.Ping)
		synctest.Wait()
		connect(t, r, "second", "192.0.2.2").refused(t)
		first.frozen <- true
		began := time.Now()
		testtime.Sleep(2 * time.Second) // the client's wait
		second := connect(t, r, "second", "192.0.2.2")
		if err := first.end(t); status.Code(err) != codes.Aborted {
			t.Errorf("the frozen one ended by %v", err)
		}
		synctest.Wait()
		if url, took := urlOf(r, "s1"), time.Since(began); url != "ws://second.test/play" || took > 3*time.Second {
			t.Errorf("after %s the id is that of %s", took, url)
		}
		// It wakes up, and gets nothing new.
		woken := connect(t, r, "first", "192.0.2.1")
		woken.refused(t)
		second.leave(t)
	})
}

func TestService_sameProcessReplacesItsStreamAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		defer r.Stop()
		for name, want := range map[string]string{"first": "ws://first.test/play", "": "ws://.test/play"} {
			began := time.Now()
			old := connect(t, r, name, "192.0.2.1")
			synctest.Wait()
			again := connect(t, r, name, "192.0.2.1")
			if err := old.end(t); status.Code(err) != codes.Aborted {
				t.Errorf("%q: the older stream ended by %v", name, err)
			}
			synctest.Wait()
			if url := urlOf(r, "s1"); url != want || time.Since(began) != 0 {
				t.Errorf("%q: the id is that of %q after %s", name, url, time.Since(began))
			}
			again.leave(t)
		}
	})
}
