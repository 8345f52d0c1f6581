package fleet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

const (
	// loadSpacing is the least time between two loads.
	loadSpacing     = 20 * time.Millisecond
	minLoadInterval = 100 * time.Millisecond
	maxLoadInterval = time.Minute
	// parallelReserves bounds the reservations being answered at once; more
	// wait in the stream.
	parallelReserves = 64
)

// session is one stream, from Register to its end.
type session struct {
	client  *Client
	stream  grpc.BidiStreamingClient[fleetv1.ConnectRequest, fleetv1.ConnectResponse]
	results chan *fleetv1.ReserveResult
	slots   chan struct{} // one per reservation being answered
	wg      sync.WaitGroup
}

// runSession returns when the stream has ended and nothing of it runs any more.
func (c *Client) runSession(ctx context.Context, conn *grpc.ClientConn) error {
	// The stream outlives ctx a little: what is queued still goes out.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	handshake := time.AfterFunc(handshakeTimeout, cancel)
	defer handshake.Stop()
	stopDial := context.AfterFunc(ctx, cancel)
	defer stopDial()

	stream, err := fleetv1.NewFleetServiceClient(conn).Connect(streamCtx)
	if err != nil {
		return err
	}
	registered, err := c.register(stream)
	if err != nil {
		if ctx.Err() == nil && streamCtx.Err() != nil {
			err = fmt.Errorf("no answer within %s", handshakeTimeout)
		}
		return err
	}
	handshake.Stop()
	if !stopDial() {
		return ctx.Err()
	}
	c.host.TokenKey(registered.GetMatchmakerId(), ed25519.PublicKey(registered.GetTokenKey()))
	c.connected.Store(true)
	c.log.Info("registered with the matchmaker",
		zap.String("addr", c.cfg.Addr), zap.String("matchmaker", registered.GetMatchmakerId()))

	s := &session{
		client:  c,
		stream:  stream,
		results: make(chan *fleetv1.ReserveResult, parallelReserves),
		slots:   make(chan struct{}, parallelReserves),
	}
	interval := time.Duration(registered.GetLoadIntervalMs()) * time.Millisecond
	return s.run(ctx, streamCtx, cancel, min(max(interval, minLoadInterval), maxLoadInterval))
}

func (c *Client) register(stream grpc.BidiStreamingClient[fleetv1.ConnectRequest, fleetv1.ConnectResponse]) (*fleetv1.Registered, error) {
	hello := &fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: c.host.Register()}}
	if err := stream.Send(hello); err != nil && !errors.Is(err, io.EOF) {
		return nil, err // on io.EOF, Recv knows why
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	registered := answer.GetRegistered()
	if registered == nil || len(registered.GetTokenKey()) != ed25519.PublicKeySize {
		return nil, errNoRegistered
	}
	return registered, nil
}

// run receives here and sends in a goroutine of its own. Whichever fails first
// ends the other.
func (s *session) run(ctx, streamCtx context.Context, cancel context.CancelFunc, interval time.Duration) error {
	received := make(chan struct{})
	s.wg.Go(func() {
		s.send(ctx, received, interval)
		// The matchmaker answers the end of our side with the end of its own;
		// one that does not is not waited for.
		select {
		case <-received:
		case <-time.After(farewellTimeout):
		}
		cancel()
	})
	err := s.receive(streamCtx)
	close(received)
	cancel()
	s.wg.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *session) receive(streamCtx context.Context) error {
	for {
		m, err := s.stream.Recv()
		if err != nil {
			return err
		}
		switch m := m.GetMessage().(type) {
		case *fleetv1.ConnectResponse_Reserve:
			s.answer(streamCtx, m.Reserve)
		case *fleetv1.ConnectResponse_Release:
			s.client.host.Release(m.Release)
		case *fleetv1.ConnectResponse_Drain:
			s.client.host.Drain(m.Drain)
		}
	}
}

// answer asks the host in a goroutine of its own: opening a large match must
// not hold up the seats of others.
func (s *session) answer(streamCtx context.Context, r *fleetv1.Reserve) {
	select {
	case s.slots <- struct{}{}:
	case <-streamCtx.Done():
		return
	}
	s.wg.Go(func() {
		defer func() { <-s.slots }()
		result := s.client.reservations.reserve(streamCtx, r)
		if result == nil {
			return
		}
		select {
		case s.results <- result:
		case <-streamCtx.Done():
		}
	})
}

// send owns the stream's sending side until something fails, the receiving
// side has ended, or ctx ends.
func (s *session) send(ctx context.Context, received <-chan struct{}, interval time.Duration) {
	c := s.client
	timer := time.NewTimer(interval)
	defer timer.Stop()
	var lastLoad time.Time
	if !s.sendEnded() {
		return
	}
	for {
		// Answers go first: a Load made before an answer must not follow it.
		select {
		case r := <-s.results:
			if !s.sendResult(r) {
				return
			}
			continue
		default:
		}
		select {
		case r := <-s.results:
			if !s.sendResult(r) {
				return
			}
		case <-c.endedReady:
			if !s.sendEnded() {
				return
			}
		case <-c.notify:
			timer.Reset(max(0, loadSpacing-time.Since(lastLoad)))
		case <-timer.C:
			if !s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Load{Load: c.host.Load()}}) {
				return
			}
			lastLoad = time.Now()
			timer.Reset(interval)
		case <-received:
			return
		case <-ctx.Done():
			s.sendEnded()
			_ = s.stream.CloseSend()
			return
		}
	}
}

func (s *session) sendResult(r *fleetv1.ReserveResult) bool {
	return s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_ReserveResult{ReserveResult: r}})
}

func (s *session) sendEnded() bool {
	for {
		e := s.client.nextEnded()
		if e == nil {
			return true
		}
		if !s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_MatchEnded{MatchEnded: e}}) {
			return false
		}
		s.client.endedSent(e)
	}
}

// sendMessage reports whether the stream still takes messages.
func (s *session) sendMessage(m *fleetv1.ConnectRequest) bool { return s.stream.Send(m) == nil }
