package server

import (
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
	// Matchmakers are internal gRPC addresses of matchmaker replicas; default
	// 127.0.0.1:8090. One is enough where it lists the others.
	Matchmakers []string
	// MatchmakerTLSFiles turn on TLS to the matchmakers. Default: plain text.
	MatchmakerTLSFiles TLSFiles
	// DialOptions are added to those of the connections to the matchmakers.
	DialOptions []grpc.DialOption
	// Region is sent to the matchmakers; default: none.
	Region string
	// AllowedOrigins lists the web origins besides the server's own whose pages may
	// connect, in the forms of [origin.NewPolicy]; "*" allows all.
	AllowedOrigins []string
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

	// Options apply to every match and replace those of its mode.
	Options []game.Option
	// StateHash sends clients a hash of their state once a second, so that a
	// client detects an error early. It costs a visit of all rows per client.
	StateHash bool

	// Product is the version of the program, for the headers of match logs.
	Product string
	// ReplayDir is the directory of match logs; empty: none are written.
	ReplayDir string
	// MaxReplayFiles and MaxReplayBytes bound it; defaults 200 files and 1 GiB.
	MaxReplayFiles int
	MaxReplayBytes int64

	// ForcePortable keeps sockets in Go's poller, with goroutines of their own, also
	// where raw descriptors would work.
	ForcePortable bool
	// Registerer receives the server's metrics; default: a registry of its own.
	Registerer prometheus.Registerer
}

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

// Validate returns all mistakes joined, nil for none.
func (c *Config) Validate() error {
	var errs []error
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
			errs = append(errs, fmt.Errorf("public URL %q is no ws:// or wss:// URL", c.PublicURL))
		}
	}
	if _, err := origin.NewPolicy(c.AllowedOrigins, c.LocalOrigins); err != nil {
		errs = append(errs, err)
	}
	for name, d := range map[string]time.Duration{"grace": c.Grace, "linger": c.Linger, "empty": c.EmptyTimeout} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s %v is negative", name, d))
		}
	}
	if c.MaxMatches < 0 || c.MaxPlayers < 0 || c.MaxReplayFiles < 0 || c.MaxReplayBytes < 0 {
		errs = append(errs, errors.New("limits must not be negative"))
	}
	if len(c.ID) > 64 {
		errs = append(errs, fmt.Errorf("server id %q is longer than 64 bytes", c.ID))
	}
	for _, addr := range c.Matchmakers {
		if addr == "" {
			errs = append(errs, errors.New("a matchmaker's address is empty"))
		}
		if scheme, rest, _ := strings.Cut(addr, "://"); rest != "" && (scheme == "http" || scheme == "https") {
			errs = append(errs, fmt.Errorf("matchmaker %q is a URL: want host:port of its internal port, like 127.0.0.1:8090", addr))
		}
	}
	if _, err := certificate.Files(c.MatchmakerTLSFiles).Load(); err != nil {
		errs = append(errs, fmt.Errorf("TLS to the matchmakers: %w", err))
	}
	return errors.Join(errs...)
}

func (c *Config) setDefaults() {
	setDefault(&c.PublicAddr, "127.0.0.1:8081")
	if len(c.Matchmakers) == 0 {
		c.Matchmakers = []string{"127.0.0.1:8090"}
	}
	setDefault(&c.MaxMatches, 1024)
	setDefault(&c.MaxPlayers, 20000)
	setDefault(&c.Grace, 30*time.Second)
	setDefault(&c.Linger, 15*time.Second)
	setDefault(&c.EmptyTimeout, 10*time.Second)
	for _, d := range []*time.Duration{&c.Grace, &c.Linger, &c.EmptyTimeout} {
		*d = min(*d, millis.Longest) // the longest time that a message can carry
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
