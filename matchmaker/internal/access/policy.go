package access

import (
	"context"
	"crypto/x509"
	"net"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"tactus/matchmaker/internal/failure"
)

const (
	// maxLogged bounds the refusals that are remembered, so that each is logged once
	// in logInterval.
	maxLogged   = 256
	logInterval = time.Hour
)

// Config configures a [Policy].
type Config struct {
	// Certificates says that the port verifies the certificates of its clients.
	Certificates bool
	// Tokens are the tokens of clients; nil: none.
	Tokens *Tokens
	// WarnOnly lets every call pass, and logs and counts those that would be refused.
	WarnOnly bool
	// Refused counts a call without its role, by reason; nil: none are counted.
	Refused func(reason string)
}

// Policy refuses calls to callers without a role for them. On a port with neither
// certificates nor tokens every caller has every role. It is safe for concurrent use.
type Policy struct {
	cfg Config
	log *zap.Logger

	mu     sync.Mutex
	logged map[string]time.Time // by host, method and roles
}

// NewPolicy makes a policy.
func NewPolicy(cfg Config, log *zap.Logger) *Policy {
	return &Policy{cfg: cfg, log: log, logged: make(map[string]time.Time)}
}

// Options installs the policy in a server.
func (p *Policy) Options() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(p.unary), grpc.ChainStreamInterceptor(p.stream)}
}

// Authenticates reports whether callers show a role.
func (p *Policy) Authenticates() bool { return p.cfg.Certificates || p.cfg.Tokens != nil }

type callerKey struct{}

// CallerOf returns the caller of a call that a policy has let pass. Without a policy
// it may do everything.
func CallerOf(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(Caller); ok {
		return c
	}
	return Caller{Roles: All}
}

func (p *Policy) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, err := p.authorize(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (p *Policy) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, err := p.authorize(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return next(srv, &callerStream{stream, ctx})
}

// callerStream is a stream whose context has its caller.
type callerStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // of the stream, as gRPC has it
}

func (s *callerStream) Context() context.Context { return s.ctx }

// authorize returns the context of the call, with its caller, or the failure.
func (p *Policy) authorize(ctx context.Context, method string) (context.Context, error) {
	needed, listed := permitted[method]
	caller, known := p.identify(ctx)
	var refusal *failure.Error
	switch {
	case !p.Authenticates() && listed, needed == Anyone:
	case !known:
		refusal = failure.New(failure.CallerUnknown)
	case caller.Roles&needed == 0:
		refusal = failure.Newf(failure.RoleNotAllowed, "%s needs the role %s, the caller has %s", method, needed, caller.Roles).
			With("roles", caller.Roles.String()).With("needed", needed.String())
	}
	if refusal != nil {
		p.report(ctx, method, caller, refusal)
		if !p.cfg.WarnOnly {
			return nil, refusal
		}
		if !known {
			caller = Caller{Roles: All}
		}
	}
	return context.WithValue(ctx, callerKey{}, caller), nil
}

// identify finds the caller by certificate and token. A token that is not known
// makes the caller unknown, whatever its certificate says.
func (p *Policy) identify(ctx context.Context) (c Caller, known bool) {
	if !p.Authenticates() {
		return Caller{Roles: All}, true
	}
	if leaf := verifiedLeaf(ctx); leaf != nil && p.cfg.Certificates {
		c, known = Certified(leaf), true
	}
	if token, shown := bearerToken(ctx); shown && p.cfg.Tokens != nil {
		named, ok := p.cfg.Tokens.Find(token)
		if !ok {
			return Caller{}, false
		}
		c, known = c.with(named), true
	}
	return c, known
}

// verifiedLeaf is the client's verified certificate, nil without one.
func verifiedLeaf(ctx context.Context) *x509.Certificate {
	p, _ := peer.FromContext(ctx)
	if p == nil {
		return nil
	}
	info, _ := p.AuthInfo.(credentials.TLSInfo)
	if len(info.State.VerifiedChains) == 0 || len(info.State.PeerCertificates) == 0 {
		return nil
	}
	return info.State.PeerCertificates[0]
}

// bearerToken is the token of the authorization header (RFC 6750, section 2.1).
func bearerToken(ctx context.Context) (token string, shown bool) {
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("authorization")
	if len(values) != 1 {
		return "", len(values) > 0
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", true
	}
	return strings.TrimSpace(token), true
}

// report counts a refusal, and logs it once an hour for each host, method and set of
// roles.
func (p *Policy) report(ctx context.Context, method string, caller Caller, refusal *failure.Error) {
	if p.cfg.Refused != nil {
		p.cfg.Refused(string(refusal.Reason()))
	}
	remote := ""
	if from, ok := peer.FromContext(ctx); ok && from.Addr != nil {
		remote = from.Addr.String()
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	key := host + " " + method + " " + caller.Roles.String()
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.logged[key]) < logInterval {
		return
	}
	if len(p.logged) >= maxLogged {
		clear(p.logged)
	}
	p.logged[key] = time.Now()
	needed := permitted[method]
	p.log.Warn("caller without the role for a call", zap.String("remote", remote), zap.String("method", method),
		zap.Stringer("roles", caller.Roles), zap.Stringer("needed", needed), zap.Bool("refused", !p.cfg.WarnOnly),
		zap.String("reason", string(refusal.Reason())))
}
