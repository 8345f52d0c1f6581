package server

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"tactus/internal/origin"
	"tactus/protocol"
)

// GuessPublicURL makes the public URL from the address at which /play is served,
// unless one is configured. The matchmaker learns that the host is a guess. For
// players that reach a matchmaker on this machine, it substitutes the host by which
// they reach it. base is the path under which a proxy shows the port, as "/game", or
// empty. It must be called before Handler and Host.
func (s *Server) GuessPublicURL(addr net.Addr, base string) {
	if s.cfg.PublicURL != "" {
		return
	}
	s.cfg.PublicURL, s.guessed = GuessedURL(addr, base), true
	if s.cfg.PublicTLS != nil {
		s.cfg.PublicURL = "wss" + strings.TrimPrefix(s.cfg.PublicURL, "ws")
	}
	if host := s.matchmakerElsewhere(); host != "" {
		s.log.Warn("play URL is a guess that players elsewhere can't use",
			zap.String("url", s.cfg.PublicURL), zap.String("matchmaker", host),
			zap.String("hint", "give --public-url, the URL of /play as browsers reach it"))
	}
}

// GuessedURL returns the URL of /play without TLS for browsers on this machine. For a listener on
// all addresses it is that of loopback.
func GuessedURL(addr net.Addr, base string) string {
	host := addr.String()
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr().IsUnspecified() {
		host = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
	}
	return "ws://" + host + base + protocol.Path
}

// playPath returns the path of the public URL as a pattern of [http.ServeMux], if it
// differs from that of the protocol: a proxy may pass it on unchanged.
func (s *Server) playPath() (string, bool) {
	u, err := url.Parse(s.cfg.PublicURL)
	if err != nil || u.Path == "" || u.Path == "/" || u.Path == protocol.Path {
		return "", false
	}
	// The path has no spaces and braces, which mean something in a pattern.
	return u.EscapedPath(), true
}

// matchmakerElsewhere returns the first configured matchmaker that is, by its
// address, on another machine, if the guessed URL is one of loopback.
func (s *Server) matchmakerElsewhere() string {
	if u, err := url.Parse(s.cfg.PublicURL); err != nil || !origin.IsLoopback(u.Hostname()) {
		return ""
	}
	for _, address := range s.cfg.Matchmakers {
		host, _, err := net.SplitHostPort(address)
		if err != nil || origin.IsLoopback(host) {
			continue
		}
		if ip, err := netip.ParseAddr(host); err == nil && (ip.IsUnspecified() || origin.IsOwn(ip)) {
			continue
		}
		return address
	}
	return ""
}
