package matchmaker

import (
	"cmp"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"tactus/internal/audit"
	"tactus/internal/certificate"
	"tactus/internal/origin"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/matchfunc"
	"tactus/protocol/jointoken"
)

// Config configures a [Matchmaker]. The zero value works: a zero field means its
// default.
type Config struct {
	// ID is this matchmaker's name for game servers and replicas. Default: random.
	ID string
	// Key signs join tokens and guest tokens. Default: a new key. The store then gets
	// one more key with each start; without NATS or DataDir, guests are new players
	// after a restart.
	Key ed25519.PrivateKey

	// Protocol is the WebSocket subprotocol of players and game servers. Those that
	// report another one are rejected. Default "tactus.v1".
	Protocol string

	// InternalAddr is the address of native gRPC. Default 127.0.0.1:8090.
	InternalAddr string
	// InternalListener replaces InternalAddr when it is set. Run closes it.
	InternalListener net.Listener
	// InternalTLS turns on TLS on the internal port. With ClientCAs and
	// tls.RequireAndVerifyClientCert it is mutual. Default: plain text.
	InternalTLS *tls.Config
	// InternalTLSFiles replaces InternalTLS and PeerTLS.
	InternalTLSFiles TLSFiles
	// Roles says how callers of the internal port show what they may call.
	Roles Roles
	// MaxConnectionAge is the age from which a connection to the internal port accepts
	// no new calls. Its client then opens another one, perhaps to a newer replica.
	// Streams on the old one continue. Default 5 min, varied by a tenth; below zero:
	// never.
	MaxConnectionAge time.Duration

	// Identity says how players authenticate: as guests, as users of the game's
	// issuer, or as either. Default: as guests.
	Identity Identity

	// AdvertiseAddr is the address of the internal port for other matchmakers and game
	// servers. Default: the address that it listens on.
	AdvertiseAddr string
	// PeerTLS is for calls to other matchmakers when InternalTLS is set.
	PeerTLS *tls.Config

	// NATS is the store that matchmakers share.
	NATS NATS
	// DataDir is the folder in which the embedded NATS keeps ratings, rooms and parties.
	// Default: none; they end with the process.
	DataDir string
	// RulesFiles are files, or folders of files, with queue rules in YAML or
	// JSON. See [Matchmaker.ReloadRules].
	RulesFiles []string
	// RecordDir is the folder for recordings of all queues, for rehearsals. No other
	// matchmaker may use it. Default: none.
	RecordDir string
	// AuditDir is the folder of the audit log: what operators did, in JSON lines.
	// Default: none; entries are in the process's log alone.
	AuditDir string
	// AuditKeep is how long entries are kept. Default 7 days.
	AuditKeep time.Duration
	// TrustResults believes the results of game servers of releases that return no
	// seals, for an upgrade. Default: their matches are not rated.
	TrustResults bool
	// Functions are match functions by the names that rules use (function: NAME).
	Functions map[string]matchfunc.Func

	// AllowedOrigins are the web origins that may use the public handler, beside the
	// handler's own, in the forms of [origin.NewPolicy]: "https://play.example.com", or
	// "*" for all.
	AllowedOrigins []string
	// LocalOrigins says which names of this machine count as one origin. Default: each
	// name is an origin of its own.
	LocalOrigins origin.Local
	// SamePortServer is the id of the game server with /play on the port of the public
	// handler, as in `tactus dev`. Default: none.
	SamePortServer string
	Rates          Rates

	TicketExpiry     time.Duration // of a search; default 60 s
	UnwatchedTimeout time.Duration // until the first watcher; default 10 s
	WatcherTimeout   time.Duration // after the last watcher; default 5 s
	KeepEnded        time.Duration // of ended tickets; default 30 s
	ProgressInterval time.Duration // between messages of a watched search; default 1 s
	MaxTickets       int           // ended ones included; default 100,000
	MaxRooms         int           // of all replicas; default 20,000

	BatchWindow    time.Duration // of a cycle, for more tickets; default 20 ms
	MaxAttempts    int           // rejections after which a search ends; default 5
	ReserveTimeout time.Duration // for a server's answer; default 2 s
	SeatHold       time.Duration // of a seat without a claim, and life of its join token; default 30 s, at most 5 min
	RoomHold       time.Duration // of a room's match without players; default 60 s
	LoadInterval   time.Duration // of load reports by game servers; default 1 s
	LastCall       time.Duration // matches that end sooner get no new players; default 20 s
	StrikeLasts    time.Duration // a server that did not answer is chosen last; default 10 s

	MaxRequestBytes int           // of a request on the public handler; default 16 KiB
	RequestTimeout  time.Duration // to send it, and to answer all but WatchTicket; default 10 s

	// Registerer receives the matchmaker's metrics. Default: a registry of its own.
	Registerer prometheus.Registerer

	internalTLS *internalTLS // of InternalTLSFiles
}

// Identity configures how players authenticate: the issuer of identity tokens, its keys,
// and whether guests may play.
type Identity = identity.Config

// NATS is the store that matchmakers share. The zero value is a server in this process
// without a port.
type NATS struct {
	URL         string // of an external cluster, several separated by commas
	Replicas    int    // of each stream: 1, 3 or 5; default 3 for an external cluster
	Name        string // prefix of streams and subjects; default "tactus"
	Credentials string // file with the credentials of an external cluster
	TLS         *tls.Config
	// TLSFiles turn on TLS to an external cluster, instead of TLS: the authorities of its
	// certificates, and the matchmaker's own certificate for mutual TLS. Each new
	// connection reads them again.
	TLSFiles TLSFiles
}

// Rates limits requests of players, in token buckets with a rate per second and a burst,
// and what they may have. Rates of an address hold for an IPv4 address or an IPv6 /64; a
// /56 gets twice as much. A value below zero means no limit. Calls by the internal port
// have no limits of an address.
type Rates struct {
	AddressPerSecond float64 // tickets, parties, rooms, and changes of rooms; default 20
	AddressBurst     int     // default 500
	PlayerPerSecond  float64 // tickets of one player; default 2
	PlayerBurst      int     // default 20
	CodePerSecond    float64 // wrong codes of rooms and parties; default 1
	CodeBurst        int     // default 60
	ReadPerSecond    float64 // all other calls; default 50
	ReadBurst        int     // default 500
	PlayerRooms      int     // rooms of one player; default 3
	AddressRooms     int     // rooms opened from one address; default 20
	Watches          int     // streams of one address; default 1,000
}

// maxHold is the longest time for which game servers hold seats.
const maxHold = 5 * time.Minute

// DefaultInternalAddr is the default of [Config].InternalAddr.
const DefaultInternalAddr = "127.0.0.1:8090"

func (c Config) withDefaults() Config {
	c.Protocol = cmp.Or(c.Protocol, "tactus.v1")
	c.InternalAddr = cmp.Or(c.InternalAddr, DefaultInternalAddr)
	c.MaxConnectionAge = cmp.Or(c.MaxConnectionAge, 5*time.Minute)
	c.TicketExpiry = cmp.Or(c.TicketExpiry, time.Minute)
	c.UnwatchedTimeout = cmp.Or(c.UnwatchedTimeout, 10*time.Second)
	c.WatcherTimeout = cmp.Or(c.WatcherTimeout, 5*time.Second)
	c.KeepEnded = cmp.Or(c.KeepEnded, 30*time.Second)
	c.ProgressInterval = cmp.Or(c.ProgressInterval, time.Second)
	c.MaxTickets = cmp.Or(c.MaxTickets, 100_000)
	c.MaxRooms = cmp.Or(c.MaxRooms, 20_000)
	c.BatchWindow = cmp.Or(c.BatchWindow, 20*time.Millisecond)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 5)
	c.ReserveTimeout = cmp.Or(c.ReserveTimeout, 2*time.Second)
	c.SeatHold = cmp.Or(c.SeatHold, jointoken.Life)
	c.RoomHold = cmp.Or(c.RoomHold, time.Minute)
	c.LoadInterval = cmp.Or(c.LoadInterval, time.Second)
	c.LastCall = cmp.Or(c.LastCall, 20*time.Second)
	c.StrikeLasts = cmp.Or(c.StrikeLasts, 10*time.Second)
	c.MaxRequestBytes = cmp.Or(c.MaxRequestBytes, 16<<10)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 10*time.Second)
	c.AuditKeep = cmp.Or(c.AuditKeep, audit.DefaultKeep)
	c.Rates = c.Rates.withDefaults()
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}

func (r Rates) withDefaults() Rates {
	r.AddressPerSecond = cmp.Or(r.AddressPerSecond, 20)
	r.AddressBurst = cmp.Or(r.AddressBurst, 500)
	r.PlayerPerSecond = cmp.Or(r.PlayerPerSecond, 2)
	r.PlayerBurst = cmp.Or(r.PlayerBurst, 20)
	r.CodePerSecond = cmp.Or(r.CodePerSecond, 1)
	r.CodeBurst = cmp.Or(r.CodeBurst, 60)
	r.ReadPerSecond = cmp.Or(r.ReadPerSecond, 50)
	r.ReadBurst = cmp.Or(r.ReadBurst, 500)
	r.PlayerRooms = cmp.Or(r.PlayerRooms, 3)
	r.AddressRooms = cmp.Or(r.AddressRooms, 20)
	r.Watches = cmp.Or(r.Watches, 1000)
	return r
}

// Validate returns every mistake in the configuration, nil for none.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("matchmaker: "+format, args...)) }
	if len(c.ID) > 64 {
		fail("ID has %d bytes, at most 64", len(c.ID))
	}
	if c.Key != nil && len(c.Key) != ed25519.PrivateKeySize {
		fail("Key has %d bytes, an Ed25519 private key has %d", len(c.Key), ed25519.PrivateKeySize)
	}
	if _, _, err := net.SplitHostPort(c.InternalAddr); err != nil {
		fail("InternalAddr %q is not host:port", c.InternalAddr)
	}
	if c.InternalTLSFiles != (TLSFiles{}) && (c.InternalTLS != nil || c.PeerTLS != nil) {
		fail("InternalTLSFiles excludes InternalTLS and PeerTLS")
	}
	if err := c.InternalTLSFiles.Validate(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Roles.validate(&c); err != nil {
		errs = append(errs, err)
	}
	if err := c.Identity.Validate(); err != nil {
		errs = append(errs, err)
	}
	if _, err := origin.NewPolicy(c.AllowedOrigins, c.LocalOrigins); err != nil {
		fail("AllowedOrigins: %w", err)
	}
	for _, d := range c.durations() {
		if d.value < d.least {
			fail("%s is %s, at least %s", d.name, d.value, d.least)
		}
	}
	for name, hold := range map[string]time.Duration{"SeatHold": c.SeatHold, "RoomHold": c.RoomHold} {
		if hold > maxHold {
			fail("%s is %s, at most %s: game servers hold no longer", name, hold, maxHold)
		}
	}
	for _, n := range c.counts() {
		if n.value < n.least {
			fail("%s is %d, at least %d", n.name, n.value, n.least)
		}
	}
	if err := c.storeConfig().Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// storeConfig is what the store is opened with.
func (c *Config) storeConfig() store.Config {
	return store.Config{
		URL: c.NATS.URL, Dir: c.storeDir(), Replicas: c.NATS.Replicas, Name: c.NATS.Name, TLS: c.NATS.TLS, Credentials: c.NATS.Credentials,
		TLSFiles: certificate.Files(c.NATS.TLSFiles),
	}
}

// storeDir is the folder of the embedded store, empty without one.
func (c *Config) storeDir() string {
	if c.DataDir == "" || c.NATS.URL != "" {
		return ""
	}
	return filepath.Join(c.DataDir, "nats")
}

// peerCredentials are for calls to other matchmakers.
func (c *Config) peerCredentials() grpc.DialOption {
	if c.internalTLS != nil {
		return grpc.WithTransportCredentials(c.internalTLS)
	}
	if c.InternalTLS == nil {
		return grpc.WithTransportCredentials(insecure.NewCredentials())
	}
	peer := c.PeerTLS
	if peer == nil {
		peer = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(peer))
}

type bounded[T any] struct {
	name         string
	value, least T
}

func (c Config) durations() []bounded[time.Duration] {
	const ms = time.Millisecond
	return []bounded[time.Duration]{
		{"TicketExpiry", c.TicketExpiry, ms},
		{"UnwatchedTimeout", c.UnwatchedTimeout, ms},
		{"WatcherTimeout", c.WatcherTimeout, ms},
		{"KeepEnded", c.KeepEnded, ms},
		{"ProgressInterval", c.ProgressInterval, 10 * ms},
		{"BatchWindow", c.BatchWindow, 0},
		{"ReserveTimeout", c.ReserveTimeout, ms},
		{"SeatHold", c.SeatHold, ms},
		{"RoomHold", c.RoomHold, ms},
		{"LoadInterval", c.LoadInterval, 100 * ms},
		{"LastCall", c.LastCall, 0},
		{"StrikeLasts", c.StrikeLasts, 0},
		{"RequestTimeout", c.RequestTimeout, ms},
		{"AuditKeep", c.AuditKeep, 24 * time.Hour},
	}
}

func (c Config) counts() []bounded[int] {
	return []bounded[int]{
		{"MaxTickets", c.MaxTickets, 1},
		{"MaxRooms", c.MaxRooms, 1},
		{"MaxAttempts", c.MaxAttempts, 1},
		{"MaxRequestBytes", c.MaxRequestBytes, 1024},
		{"Rates.AddressBurst", c.Rates.AddressBurst, 1},
		{"Rates.PlayerBurst", c.Rates.PlayerBurst, 1},
		{"Rates.CodeBurst", c.Rates.CodeBurst, 1},
		{"Rates.ReadBurst", c.Rates.ReadBurst, 1},
	}
}
