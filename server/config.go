package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"tactus/game"
	"tactus/internal/certificate"
	"tactus/internal/millis"
	"tactus/internal/origin"
	"tactus/internal/publicport"
	"tactus/server/internal/fleet"
	"tactus/server/internal/watchdog"
)

// Config configures a game server. The zero value works with a matchmaker on the
// same machine.
type Config struct {
	// ID names the server in the cluster; join tokens are bound to it. Default:
	// random. It must not change while the process lives.
	ID string
	// PublicAddr is the public address for /play and the probes, host:port. Default
	// 127.0.0.1:8081. Programs that mount [Server.Handler] themselves ignore it.
	PublicAddr string
	// PublicURL is the ws:// or wss:// URL at which browsers reach /play;
	// default: guessed from PublicAddr, see [Server.GuessPublicURL].
	PublicURL string
	// PublicTLS turns on TLS on the public port; default: plain text. A guessed URL is
	// wss:// then. Programs that serve [Server.Handler] themselves use it for their
	// listener.
	PublicTLS *tls.Config
	// Limits and Proxies are those of the public port that [Run] opens. Programs that
	// serve [Server.Handler] themselves have to limit connections themselves.
	Limits  Limits
	Proxies Proxies
	// Matchmakers are internal gRPC addresses of matchmaker replicas; default
	// 127.0.0.1:8090. One is enough where it lists the others.
	Matchmakers []string
	// MatchmakerTLSFiles turn on TLS to the matchmakers. Default: plain text.
	MatchmakerTLSFiles TLSFiles
	// MatchmakerTokenFile is a file with the token that this server shows to the
	// matchmakers. It is read for each new stream. Default: none is shown.
	MatchmakerTokenFile string
	// DialOptions are added to those of the connections to the matchmakers.
	DialOptions []grpc.DialOption
	// Region is sent to the matchmakers; default: none.
	Region string
	// AllowedOrigins lists the web origins besides the server's own whose pages may
	// connect, in the forms of [origin.NewPolicy]; "*" allows all.
	AllowedOrigins []string
	// MatchmakerOrigins replaces AllowedOrigins by the origins that the matchmakers
	// announce, and pages of the server's own host name at any port. Until a matchmaker
	// has announced any, all pages may connect: players present a token.
	MatchmakerOrigins bool
	// LocalOrigins selects which names of this machine are one origin; default:
	// each is its own.
	LocalOrigins origin.Local

	// MaxMatches and MaxPlayers bound the running matches and their players;
	// defaults 1024 and 20000.
	MaxMatches int
	MaxPlayers int

	// Grace is how long a lost connection's seat is kept; default 30 s.
	Grace time.Duration
	// Linger is the time between a match's result and its end; default 15 s.
	Linger time.Duration
	// EmptyTimeout is how long a match without players continues; default 10 s.
	EmptyTimeout time.Duration

	// TurnTimeout is how long the rules may take for one turn of a match, or to make
	// one, before the match is given up as lost; default 5 s. Below 0 they may take as
	// long as they want.
	TurnTimeout time.Duration
	// Debugged reports whether a debugger is attached: then no turn is given up.
	// Default: none is. See [DebuggerAttached].
	Debugged func() bool

	// Options apply to every match and replace those of its mode.
	Options []game.Option
	// StateHash sends clients a hash of their state once a second, so that a
	// client detects an error early. It costs a visit of all rows per client.
	StateHash bool
	// TrustLag takes the lag that clients claim with their inputs as it is, up to the
	// protocol's limit: for tests with a network that a client simulates. A false claim
	// lets a player aim at the past.
	TrustLag bool

	// Product is the version of the program, for the headers of match logs.
	Product string
	// ReplayDir is the directory of match logs; empty: none are written.
	ReplayDir string
	// MaxReplayFiles bounds the logs of private matches, MaxReplayBytes all logs; defaults
	// 200 files and 1 GiB.
	MaxReplayFiles int
	MaxReplayBytes int64
	// KeepReplays is how long logs of other matches stay; default 7 days.
	KeepReplays time.Duration

	// HideAddresses keeps addresses of players out of logs and of answers to operators.
	// Bans of addresses hold anyway.
	HideAddresses bool

	// ForcePortable keeps sockets in Go's poller, with goroutines of their own, also
	// where raw descriptors would work.
	ForcePortable bool
	// Registerer receives the server's metrics; default: a registry of its own.
	Registerer prometheus.Registerer
}

// Limits bound what an address may have open on the public port.
type Limits = publicport.Limits

// Proxies are trusted to name the addresses of clients.
type Proxies = publicport.Proxies

// TLSFiles names the PEM files for TLS to the matchmakers. New connections use changed
// files. While these can't be read, or do not fit together, connections use the old
// ones.
type TLSFiles struct {
	// CA holds the authorities that sign the matchmakers' certificates. Empty: those
	// that the system trusts.
	CA string
	// Cert and Key are the server's own certificate and its key, for mutual TLS.
	Cert, Key string
}

// DefaultPublicAddr is the public address unless configured.
const DefaultPublicAddr = "127.0.0.1:8081"

// DefaultTurnTimeout is how long the rules may take for a turn unless configured.
const DefaultTurnTimeout = 5 * time.Second

// DebuggerAttached reports whether a debugger traces this process. It knows that on
// Linux only.
func DebuggerAttached() bool { return watchdog.Debugged() }

// defaultMatchmaker is the internal port of a matchmaker on the same machine.
const defaultMatchmaker = "127.0.0.1:8090"

// withDefaults returns the configuration with every zero field set to its default.
func (c Config) withDefaults() Config {
	c.PublicAddr = cmp.Or(c.PublicAddr, DefaultPublicAddr)
	if len(c.Matchmakers) == 0 {
		c.Matchmakers = []string{defaultMatchmaker}
	}
	c.MaxMatches = cmp.Or(c.MaxMatches, 1024)
	c.MaxPlayers = cmp.Or(c.MaxPlayers, 20_000)
	c.Grace = cmp.Or(c.Grace, 30*time.Second)
	c.Linger = cmp.Or(c.Linger, 15*time.Second)
	c.EmptyTimeout = cmp.Or(c.EmptyTimeout, 10*time.Second)
	c.TurnTimeout = cmp.Or(c.TurnTimeout, DefaultTurnTimeout)
	for _, d := range []*time.Duration{&c.Grace, &c.Linger, &c.EmptyTimeout} {
		*d = min(*d, millis.Longest) // the longest time that a message can carry
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}

// Validate returns every mistake in the configuration, nil for none.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("server: "+format, args...)) }
	if len(c.ID) > 64 {
		fail("ID has %d bytes, at most 64", len(c.ID))
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
			fail("PublicURL %q is not a ws:// or wss:// URL", c.PublicURL)
		}
	}
	if _, err := origin.NewPolicy(c.AllowedOrigins, c.LocalOrigins); err != nil {
		fail("AllowedOrigins: %w", err)
	}
	if c.MatchmakerOrigins && len(c.AllowedOrigins) > 0 {
		fail("MatchmakerOrigins excludes AllowedOrigins")
	}
	for _, addr := range c.Matchmakers {
		if addr == "" {
			fail("Matchmakers holds an empty address")
		}
		if scheme, rest, _ := strings.Cut(addr, "://"); rest != "" && (scheme == "http" || scheme == "https") {
			fail("matchmaker %q is a URL: want host:port of its internal port, like %s", addr, defaultMatchmaker)
		}
	}
	if _, err := certificate.Files(c.MatchmakerTLSFiles).Load(); err != nil {
		fail("MatchmakerTLSFiles: %w", err)
	}
	if c.MatchmakerTokenFile != "" {
		if _, err := fleet.ReadToken(c.MatchmakerTokenFile); err != nil {
			fail("MatchmakerTokenFile: %w", err)
		}
	}
	for _, d := range []bounded[time.Duration]{{"Grace", c.Grace}, {"Linger", c.Linger}, {"EmptyTimeout", c.EmptyTimeout}} {
		if d.value < 0 {
			fail("%s is %s, at least 0s", d.name, d.value)
		}
	}
	for _, n := range []bounded[int64]{
		{"MaxMatches", int64(c.MaxMatches)},
		{"MaxPlayers", int64(c.MaxPlayers)},
		{"MaxReplayFiles", int64(c.MaxReplayFiles)},
		{"MaxReplayBytes", c.MaxReplayBytes},
	} {
		if n.value < 0 {
			fail("%s is %d, at least 0", n.name, n.value)
		}
	}
	return errors.Join(errs...)
}

type bounded[T any] struct {
	name  string
	value T
}
