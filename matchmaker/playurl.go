package matchmaker

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

// entranceOf reads a request's Host. It is not ok where that is no name and no
// address. A page that came by https from that same host says that TLS ended in
// front: nothing else of what a proxy adds is believed.
func entranceOf(r *http.Request) (entrance, bool) {
	host, port, ok := origin.SplitHost(r.Host)
	from := r.Header.Get("Origin")
	secure := r.TLS != nil || strings.HasPrefix(from, "https://") && origin.SameHost(from, r.Host)
	return entrance{host: host, port: port, secure: secure}, ok
}

// completePlayURL puts the host by which this player reached the matchmaker into
// an assignment to a server on this machine whose host is a guess. It is called
// where an answer leaves the replica that was asked, never for what is stored or
// sent to other replicas. An assignment of nil stays nil.
func (s *service) completePlayURL(ctx context.Context, a *matchmakerv1.Assignment) {
	in, ok := ctx.Value(entranceKey{}).(entrance)
	if !ok || a == nil {
		return
	}
	said, follows := s.fleet.PlayURL(a.GetServerId())
	if !follows {
		return
	}
	u, err := url.Parse(said)
	if err != nil { // can't be: it was checked at registration
		return
	}
	port := u.Port()
	if a.GetServerId() == s.mm.cfg.SamePortServer {
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
