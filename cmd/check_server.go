package tactuscmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/certificate"
	"tactus/internal/origin"
	"tactus/internal/publicport"
)

// reachTimeout bounds the connection to one matchmaker.
const reachTimeout = 2 * time.Second

// server checks the configuration of `tactus server`.
func (c *checks) server(ctx context.Context, f *serverFlags, games []game.Game) {
	secured := c.publicPort(f.cfg.PublicAddr, f.data, &f.tls, &f.limits)
	if err := f.apply(zap.NewNop()); err != nil {
		c.add(err)
	} else if secured != nil {
		c.publicURL(f, secured)
	}
	c.add(f.cfg.Validate())
	for _, g := range games {
		c.add(game.Check(g))
	}
	c.adminPort(&f.admin)
	c.descriptors(f.cfg.MaxPlayers)
	files := certificate.Files(f.cfg.MatchmakerTLSFiles)
	c.pair("matchmaker-cert", files.Cert, files.Key)
	c.matchmakers(ctx, f.cfg.Matchmakers, files)
}

// publicURL checks that browsers reach the port at the URL that players get.
func (c *checks) publicURL(f *serverFlags, secured *publicTLS) {
	given := f.cfg.PublicURL
	if given == "" {
		if isOpen(f.cfg.PublicAddr) {
			c.addf("--public-url is not set: players get an address that is guessed from --listen %s", f.cfg.PublicAddr)
		}
		return
	}
	u, err := url.Parse(given)
	if err != nil {
		return // f.apply has checked it
	}
	host := u.Hostname()
	switch {
	case u.Scheme == "ws" && secured.secure():
		c.addf("--public-url %s begins with ws://, the port speaks TLS: want wss://", given)
	case u.Scheme == "ws" && !origin.IsLoopback(host):
		c.addf("--public-url %s begins with ws://: browsers block it on https:// pages, and networks on the way can read it; want wss://", given)
	case u.Scheme == "wss" && !secured.secure() && !f.limits.behindProxy():
		c.addf("--public-url %s begins with wss://, the port has no TLS: set --tls-cert and --tls-key, or --trusted-proxy for the proxy that adds TLS", given)
	}
	if secured.secure() && !secured.serves(host) {
		c.addf("--public-url %s: no certificate of the public port is valid for %s", given, host)
	}
}

// serves reports whether a certificate is valid for a host, or ACME obtains one.
func (t *publicTLS) serves(host string) bool {
	if t.acme != nil && slices.Contains(t.acme.domains, strings.ToLower(host)) {
		return true
	}
	return slices.ContainsFunc(t.port.Leaves(), func(leaf *x509.Certificate) bool { return leaf.VerifyHostname(host) == nil })
}

// behindProxy reports whether clients come by a proxy.
func (f *limitFlags) behindProxy() bool { return len(f.proxies.Trusted) > 0 || f.proxies.Hops > 0 }

// descriptors checks that the limit of open files allows so many players.
func (c *checks) descriptors(players int) {
	if most := publicport.Players(); most < players {
		c.addf("open files limit the server to %d players, --max-players is %d: ulimit -n %d, or LimitNOFILE in the unit", most, players, publicport.FilesFor(players))
	}
}

// matchmakers checks that the matchmakers are reached, and that their certificates are
// valid for their addresses.
func (c *checks) matchmakers(ctx context.Context, addrs []string, files certificate.Files) {
	loaded, err := files.Load()
	if err != nil {
		return // the configuration's own validation has found it
	}
	ctx, stop := context.WithTimeout(ctx, reachTimeout)
	defer stop()
	dial := new(net.Dialer).DialContext
	if files != (certificate.Files{}) {
		secure := &tls.Dialer{Config: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: loaded.Authorities, Certificates: loaded.Certificates, NextProtos: []string{"h2"},
		}}
		dial = secure.DialContext
	}
	for _, addr := range addrs {
		conn, err := dial(ctx, "tcp", strings.TrimPrefix(addr, "dns:///"))
		if err != nil {
			c.addf("--matchmaker %s: %w; want the internal address of a running matchmaker", addr, err)
			continue
		}
		_ = conn.Close()
	}
}
