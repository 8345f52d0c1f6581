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

type fleetStream = grpc.BidiStreamingClient[fleetv1.ConnectRequest, fleetv1.ConnectResponse]

// registration is one stream, from Register to its end.
type registration struct {
	client       *Client
	link         *link
	matchmakerID string
	stream       fleetStream
	report       Report
	interval     time.Duration // between loads
	replicas     []string      // replicas; under the client's lock
	keys         trustedKeys
	bans         BanList
	clock        *clock

	notify  chan struct{} // capacity 1
	results chan *fleetv1.ReserveResult
	answers chan *fleetv1.Moderated
	slots   chan struct{} // one per request being answered
	sender  *sender
	done    chan struct{} // closed when the stream has ended
	wg      sync.WaitGroup
}

// runRegistration runs one stream. It returns when the stream and its goroutines
// have ended, and reports whether the matchmaker had confirmed the registration.
func (c *Client) runRegistration(ctx context.Context, l *link) (welcome bool, err error) {
	// The stream outlives ctx a little, to send queued messages.
	streamCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	handshake := time.AfterFunc(handshakeTimeout, cancel)
	defer handshake.Stop()
	stopDial := context.AfterFunc(ctx, cancel)
	defer stopDial()

	stream, err := fleetv1.NewFleetServiceClient(l.conn).Connect(streamCtx)
	if err != nil {
		return false, err
	}
	report := c.host.Report()
	clock := &clock{now: c.cfg.now}
	defer report.Close()
	registered, err := register(stream, report, clock)
	if err != nil {
		if ctx.Err() == nil && streamCtx.Err() != nil {
			err = fmt.Errorf("no answer within %s", handshakeTimeout)
		}
		return false, err
	}
	handshake.Stop()
	if !stopDial() {
		return false, ctx.Err()
	}
	interval := time.Duration(registered.GetLoadIntervalMs()) * time.Millisecond
	s := &registration{
		client: c, link: l, matchmakerID: registered.GetMatchmakerId(), stream: stream, report: report, clock: clock,
		interval: min(max(interval, minLoadInterval), maxLoadInterval),
		replicas: registered.GetReplicas().GetAddresses(),
		notify:   make(chan struct{}, 1),
		results:  make(chan *fleetv1.ReserveResult, parallelReserves),
		answers:  make(chan *fleetv1.Moderated, parallelReserves),
		slots:    make(chan struct{}, parallelReserves),
		done:     make(chan struct{}),
	}
	l.matchmakerID, l.loggedEvent = s.matchmakerID, ""
	s.keys = trustedKeys{host: c.host, own: registered.GetTokenKey()}
	s.bans = c.host.Bans()
	defer s.bans.Close()
	s.bans.Apply(registered.GetBans())
	forget := c.host.AllowOrigins(s.matchmakerID, registered.GetOrigins())
	defer forget()
	return true, s.run(ctx, streamCtx, cancel, registered.GetReplicas())
}

func register(stream fleetStream, report Report, clock *clock) (*fleetv1.Registered, error) {
	reg := report.Register()
	reg.UnixMs = clock.stamp()
	hello := &fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: reg}}
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
	clock.answered(reg.GetUnixMs(), registered.GetUnixMs())
	return registered, nil
}

// run receives on the caller's goroutine and sends on another. A failure of one
// ends both.
func (s *registration) run(ctx, streamCtx context.Context, cancel context.CancelFunc, replicas *fleetv1.Replicas) error {
	c := s.client
	s.keys.replace(replicas.GetTokenKeys())
	defer s.keys.drop()
	s.sender = c.outbox.join()
	c.add(s)
	signal(s.notify) // a match may have changed since Register was written
	c.log.Info("registered with a matchmaker", zap.String("addr", s.link.addr), zap.String("matchmaker", s.matchmakerID))
	received := make(chan struct{})
	s.wg.Go(func() {
		s.send(ctx, received)
		// A matchmaker answers CloseSend with the end of its own side. closeTimeout
		// bounds the wait for it.
		select {
		case <-received:
		case <-time.After(closeTimeout):
		}
		cancel()
	})
	err := s.receive(streamCtx)
	close(received)
	cancel()
	c.remove(s)
	close(s.done)
	c.outbox.leave(s.sender)
	s.wg.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *registration) receive(streamCtx context.Context) error {
	watch := clockWatch{
		gauge: s.client.cfg.Metrics.ClockOffset.WithLabelValues(s.matchmakerID),
		log:   s.client.log.With(zap.String("addr", s.link.addr), zap.String("matchmaker", s.matchmakerID)),
	}
	defer s.client.cfg.Metrics.ClockOffset.DeleteLabelValues(s.matchmakerID)
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
		case *fleetv1.ConnectResponse_MatchEndedAck:
			s.client.outbox.ack(m.MatchEndedAck.GetMatchId())
		case *fleetv1.ConnectResponse_LoadAck:
			s.clock.answered(m.LoadAck.GetLoadUnixMs(), m.LoadAck.GetUnixMs())
			if offset, ok := s.clock.offset(); ok {
				watch.note(offset)
			}
		case *fleetv1.ConnectResponse_Bans:
			s.bans.Apply(m.Bans)
		case *fleetv1.ConnectResponse_Moderate:
			s.moderate(streamCtx, m.Moderate)
		case *fleetv1.ConnectResponse_Evict:
			s.client.host.Evict(m.Evict)
		case *fleetv1.ConnectResponse_Ping:
			signal(s.notify) // which is answered by a Load
		case *fleetv1.ConnectResponse_Replicas:
			s.keys.replace(m.Replicas.GetTokenKeys())
			s.client.setReplicas(s, m.Replicas)
		}
	}
}

// answer calls the host on a new goroutine, so that opening a large match does not
// delay other reservations.
func (s *registration) answer(streamCtx context.Context, r *fleetv1.Reserve) {
	s.do(streamCtx, func() {
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

// moderate calls the host on a new goroutine: it waits for turns of matches.
func (s *registration) moderate(streamCtx context.Context, m *fleetv1.Moderate) {
	s.do(streamCtx, func() {
		answer := s.client.host.Moderate(streamCtx, m)
		answer.RequestId = m.GetRequestId()
		select {
		case s.answers <- answer:
		case <-streamCtx.Done():
		}
	})
}

// do runs f on a goroutine, of which there are at most parallelReserves.
func (s *registration) do(streamCtx context.Context, f func()) {
	select {
	case s.slots <- struct{}{}:
	case <-streamCtx.Done():
		return
	}
	s.wg.Go(func() {
		defer func() { <-s.slots }()
		f()
	})
}

// send owns the sending side of the stream. It returns when sending fails, the
// receiving side has ended, or ctx ends.
func (s *registration) send(ctx context.Context, received <-chan struct{}) {
	timer := time.NewTimer(s.interval)
	defer timer.Stop()
	var lastLoad time.Time
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
		case a := <-s.answers:
			if !s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Moderated{Moderated: a}}) {
				return
			}
		case <-s.sender.ready:
			if !s.sendEnded() {
				return
			}
		case <-s.notify:
			timer.Reset(max(0, loadSpacing-time.Since(lastLoad)))
		case <-timer.C:
			if !s.sendLoad() {
				return
			}
			lastLoad = time.Now()
			timer.Reset(s.interval)
		case <-received:
			return
		case <-ctx.Done():
			if s.sendEnded() && s.sendLoad() {
				_ = s.stream.CloseSend()
			}
			return
		}
	}
}

func (s *registration) sendResult(r *fleetv1.ReserveResult) bool {
	return s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_ReserveResult{ReserveResult: r}})
}

func (s *registration) sendLoad() bool {
	load := s.report.Load()
	if offset, ok := s.clock.offset(); ok {
		ms := offset.Milliseconds()
		load.ClockOffsetMs = &ms
	}
	load.UnixMs = s.clock.stamp()
	return s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Load{Load: load}})
}

func (s *registration) sendEnded() bool {
	for {
		e := s.client.outbox.next(s.sender)
		if e == nil {
			return true
		}
		if !s.sendMessage(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_MatchEnded{MatchEnded: e}}) {
			return false
		}
	}
}

// sendMessage reports whether the stream is still open.
func (s *registration) sendMessage(m *fleetv1.ConnectRequest) bool { return s.stream.Send(m) == nil }
