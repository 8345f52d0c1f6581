package api

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"

	"tactus/internal/origin"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// entrance is how a player's request reached the public port.
type entrance struct {
	host, port string // of the header Host; port empty where none is named
	secure     bool   // by TLS, ended here or in front
}

type entranceKey struct{}

// entranceOf reads a request's Host. It is not ok for a Host that is neither a name nor
// an address. A page that came by https from the same host means that a proxy ended
// TLS. Nothing else that a proxy adds is trusted.
func entranceOf(r *http.Request) (entrance, bool) {
	host, port, ok := origin.SplitHost(r.Host)
	from := r.Header.Get("Origin")
	secure := r.TLS != nil || strings.HasPrefix(from, "https://") && origin.SameHost(from, r.Host)
	return entrance{host: host, port: port, secure: secure}, ok
}

// completePlayURL completes an assignment to a server on this machine that registered a
// guessed host: the host becomes that by which this player reached the matchmaker. It is
// called for answers to players only, never for what is stored or sent to other
// replicas. An assignment of nil stays nil.
func (s *Service) completePlayURL(ctx context.Context, a *matchmakerv1.Assignment) {
	in, ok := ctx.Value(entranceKey{}).(entrance)
	if !ok || a == nil {
		return
	}
	registered, guessed := s.cfg.Fleet.PlayURL(a.GetServerId())
	if !guessed {
		return
	}
	u, err := url.Parse(registered)
	if err != nil { // not possible: it was checked at registration
		return
	}
	port := u.Port()
	if a.GetServerId() == s.cfg.SamePortServer {
		port = in.port
	}
	if in.secure {
		u.Scheme = "wss"
	}
	u.Host = joinHost(in.host, port)
	a.Url = u.String()
}

func joinHost(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
