// Package publicport serves HTTP and WebSockets to strangers. A connection passes, in
// this order:
//
//	accept → PROXY header → limits per address → TLS → HTTP → forwarded address
//
// Every public port of a process is a [Port], so that game servers, matchmakers and
// `tactus dev` have the same limits and trust the same proxies.
package publicport

import (
	"crypto/tls"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Config configures a [Port]. The zero value is a port without TLS that trusts no proxy
// and has the default limits.
type Config struct {
	// Name is the port's name in log lines; default "public".
	Name string
	// TLS turns on TLS. Default: plain text.
	TLS *tls.Config
	// Limits bound what an address may have open.
	Limits Limits
	// Proxies are trusted to name the client's address.
	Proxies Proxies
	// Descriptors is the number of connections at a time; default [Connections].
	Descriptors int
	// HSTS is how long browsers use only https for the host after an answer over TLS, at
	// all its ports (Strict-Transport-Security). Default 0: not sent.
	HSTS time.Duration

	// Registerer receives the port's metrics. Default: a registry of its own.
	Registerer prometheus.Registerer
	// Log receives the port's log lines. Default: none.
	Log *zap.Logger
}

// Validate returns every mistake in the configuration, nil for none.
func (c Config) Validate() error {
	var hsts error
	if c.HSTS < 0 || c.HSTS > 0 && c.TLS == nil {
		hsts = errHSTS
	}
	return errors.Join(hsts, c.Limits.validate(), c.Proxies.validate())
}

var errHSTS = errors.New("publicport: HSTS needs TLS, and a time of at least 0s")

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "public"
	}
	c.Limits = c.Limits.withDefaults()
	if c.Descriptors == 0 {
		c.Descriptors = Connections()
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}
