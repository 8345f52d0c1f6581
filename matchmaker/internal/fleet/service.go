package fleet

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/access"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Service serves fleet.v1 over a [Registry]. It is safe for concurrent use.
type Service struct {
	fleetv1.UnimplementedFleetServiceServer
	registry *Registry
}

// NewService makes the service of a registry.
func NewService(r *Registry) *Service { return &Service{registry: r} }

type stream = grpc.BidiStreamingServer[fleetv1.ConnectRequest, fleetv1.ConnectResponse]

// Connect serves one server's stream. It receives in a goroutine of its own, which ends
// with the stream, because a handler that waits in Recv could not end the stream.
func (svc *Service) Connect(str stream) error {
	r := svc.registry
	first := make(chan *fleetv1.Register, 1)
	attached := make(chan *server, 1)
	failed := make(chan error, 1)
	go func() { failed <- svc.receive(str, first, attached) }()

	timeout := time.NewTimer(registerTimeout)
	defer timeout.Stop()
	var reg *fleetv1.Register
	select {
	case reg = <-first:
	case err := <-failed:
		return err
	case <-timeout.C:
		return status.Error(codes.DeadlineExceeded, "no Register within 5 s")
	case <-r.stopped:
		return errStopping
	}
	if err := checkRegister(reg); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if p := reg.GetProtocol(); p != "" && r.cfg.Protocol != "" && p != r.cfg.Protocol {
		return status.Errorf(codes.FailedPrecondition, "players speak %s here, this server speaks %s", r.cfg.Protocol, p)
	}
	if err := r.bindings.check(reg.GetServerId(), access.CallerOf(str.Context())); err != nil {
		return status.Error(codes.PermissionDenied, err.Error())
	}
	s, err := r.admit(str.Context(), reg)
	if err != nil {
		return err
	}
	attached <- s
	r.log.Info("game server registered", zap.String("server", s.id), zap.String("url", s.url),
		zap.Bool("url_guessed", reg.GetPublicUrlGuessed()), zap.Int("matches", runningMatches(reg)))
	s.warnOfGuess(reg, r.log)
	err = svc.transmit(str, s, failed)
	r.disconnect(s)
	r.log.Info("game server gone", zap.String("server", s.id), zap.Bool("superseded", s.superseded), zap.Error(err))
	return err
}

// runningMatches counts the reported matches that are not over.
func runningMatches(reg *fleetv1.Register) (n int) {
	for _, status := range reg.GetMatches() {
		if status.GetSeats() > 0 {
			n++
		}
	}
	return n
}

var (
	errStopping   = status.Error(codes.Unavailable, "the matchmaker is stopping")
	errSilent     = status.Error(codes.Unavailable, "no Load for too long; register again")
	errSuperseded = status.Error(codes.Aborted, "a newer stream registered as this server")
)

// transmit sends until the stream ends, or the server has been silent for too long.
func (svc *Service) transmit(str stream, s *server, failed <-chan error) error {
	r := svc.registry
	// The connection alone does not show that a server hangs or is cut off: TCP
	// answers for the one, and grpc-go does not ping connections that it has retired.
	patience := max(leastSilence, silentLoads*r.cfg.LoadInterval)
	silent := make(chan struct{}, 1)
	silence := steady.AfterFunc(patience, func() { silent <- struct{}{} })
	defer silence.Stop()
	received := uint64(0)
	for {
		select {
		case <-silent:
			now := s.received.Load()
			if now == received {
				return errSilent
			}
			received = now
			silence.Reset(patience)
		case m := <-s.out:
			if err := str.Send(m); err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-s.gone:
			return errSuperseded
		case <-r.stopped:
			return errStopping
		}
	}
}

// receive reads and applies the server's messages. It returns nil when the server
// ends its side regularly.
func (svc *Service) receive(str stream, first chan<- *fleetv1.Register, attached <-chan *server) error {
	m, err := str.Recv()
	if err != nil {
		return err
	}
	if m.GetRegister() == nil {
		return status.Error(codes.InvalidArgument, "the first message of the stream must be Register")
	}
	first <- m.GetRegister()
	var s *server
	select {
	case s = <-attached:
	case <-str.Context().Done():
		return str.Context().Err()
	}
	r := svc.registry
	limit := rate.NewLimiter(newsPerSecond, newsBurst)
	for {
		m, err := str.Recv()
		if err != nil {
			return nilAtEOF(err)
		}
		s.received.Add(1)
		s.lastReceived.Store(steady.Now())
		if m.GetReserveResult() == nil && m.GetMatchEnded() == nil {
			if err := limit.Wait(str.Context()); err != nil {
				return err
			}
		}
		switch m := m.GetMessage().(type) {
		case *fleetv1.ConnectRequest_Load:
			r.load(s, m.Load)
		case *fleetv1.ConnectRequest_ReserveResult:
			r.answer(s, m.ReserveResult)
		case *fleetv1.ConnectRequest_MatchEnded:
			r.matchEnded(s, m.MatchEnded)
		case *fleetv1.ConnectRequest_Moderated:
			s.moderations.answer(m.Moderated)
		case *fleetv1.ConnectRequest_Register:
			return status.Error(codes.InvalidArgument, "Register came twice on one stream")
		}
	}
}

func checkRegister(reg *fleetv1.Register) error {
	if id := reg.GetServerId(); id == "" || len(id) > maxID {
		return fmt.Errorf("server_id has %d bytes, it needs 1 to %d", len(id), maxID)
	}
	u, err := url.Parse(reg.GetPublicUrl())
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return fmt.Errorf("public_url %q is not a ws:// or wss:// URL", reg.GetPublicUrl())
	}
	if n := len(reg.GetProcess()); n > maxProcess {
		return fmt.Errorf("process has %d bytes, at most %d", n, maxProcess)
	}
	if n := len(reg.GetGames()); n == 0 || n > maxGames {
		return fmt.Errorf("%d games, it needs 1 to %d", n, maxGames)
	}
	if n := len(reg.GetMatches()); n > maxMatchesPerServer {
		return fmt.Errorf("%d matches, at most %d", n, maxMatchesPerServer)
	}
	for _, g := range reg.GetGames() {
		if n := len(g.GetName()); n == 0 || n > maxID {
			return fmt.Errorf("game name %q has %d bytes, it needs 1 to %d", g.GetName(), n, maxID)
		}
		if n := len(g.GetModes()); n == 0 || n > maxModes {
			return fmt.Errorf("game %s has %d modes, it needs 1 to %d", g.GetName(), n, maxModes)
		}
		for _, m := range g.GetModes() {
			if m.GetName() == "" || m.GetMaxPlayers() == 0 || m.GetMaxPlayers() > maxSeats {
				return fmt.Errorf("mode %q of game %s has %d seats, it needs a name and 1 to %d seats", m.GetName(), g.GetName(), m.GetMaxPlayers(), maxSeats)
			}
		}
	}
	return nil
}

// nilAtEOF makes the regular end of the server's side no error.
func nilAtEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
