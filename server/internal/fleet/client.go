// Package fleet connects a game server to its matchmakers.
//
// A [Client] keeps one bidirectional gRPC stream to each matchmaker replica. The
// stream registers the server, reports its load and receives reservations. Without
// a matchmaker the server keeps its matches; the client reconnects and registers
// everything again. The result of a match is sent until a matchmaker has stored it.
//
// Each address has a link, which reconnects; each stream is a registration. The
// result outbox distributes results over the registrations.
package fleet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"tactus/internal/certificate"
	"tactus/protocol/rpc/refusal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/metrics"
)

// Host is the game server as the matchmakers see it. Implementations are safe for
// concurrent use. The client owns the messages that Host returns.
type Host interface {
	// Report begins the reports to one matchmaker. It is called once per stream.
	Report() Report
	// Reserve reserves all seats or none. It is called once per request id, on
	// whatever stream the request arrived; the client repeats the answer itself.
	// ctx ends with the stream. Afterwards the answer is not needed.
	Reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult
	// Evict frees a seat of a player that has a newer one elsewhere. It must not block.
	Evict(e *fleetv1.Evict)
	// Release cancels unclaimed reservations. It must not block.
	Release(r *fleetv1.Release)
	// Drain begins to drain the server. It must not block.
	Drain(d *fleetv1.Drain)
	// TrustKey adds a key that signs join tokens. It is called before the first
	// reservation of a stream; done is called when the stream has ended. Several
	// streams may have the same key.
	TrustKey(key ed25519.PublicKey) (done func())
	// AllowOrigins receives the pages that a matchmaker lets connect, for each stream
	// and also if there are none; done is called when the stream has ended.
	AllowOrigins(matchmakerID string, origins []string) (done func())
	// Bans begins the list of bans of a stream. It is called before the first
	// reservation of the stream.
	Bans() BanList
	// Moderate does what an operator asks for. Its answer needs no request id. ctx ends
	// with the stream.
	Moderate(ctx context.Context, m *fleetv1.Moderate) *fleetv1.Moderated
}

// BanList receives the bans that one matchmaker sends. It is not safe for concurrent
// use.
type BanList interface {
	// Apply applies what was sent.
	Apply(l *fleetv1.BanList)
	// Close is called when the stream has ended.
	Close()
}

// Report makes the messages of one stream about the server. It is not safe for
// concurrent use; Register is called first.
type Report interface {
	// Register describes the server and all its matches.
	Register() *fleetv1.Register
	// Load is called at the interval that the matchmaker requests and soon after
	// [Client.Notify]. It includes each match that changed or ended since the last
	// call of Register or Load.
	Load() *fleetv1.Load
	// Close ends the reports of a stream, also one whose Register was refused.
	Close()
}

// Config configures a [Client]. Zero values mean the defaults named.
type Config struct {
	// Addrs are the internal addresses of matchmakers, host:port or any gRPC
	// target. One is enough: it sends the addresses of the others.
	Addrs []string
	// DialOptions are added to the client's own.
	DialOptions []grpc.DialOption
	// TLS names files for TLS, which is mutual with a certificate of the server's own.
	// Without files the connections are plain text, for loopback and private networks.
	TLS certificate.Files
	// TokenFile is a file with the token that shows the matchmakers this server's
	// role. It is read for each new stream. Default: none.
	TokenFile string
	// BackoffMin is the wait after the first failed attempt; default 200 ms.
	BackoffMin time.Duration
	// BackoffMax bounds the wait between attempts; default 2 s.
	BackoffMax time.Duration
	// Metrics receives the counters; default: they are discarded.
	Metrics *metrics.Metrics

	now func() time.Time // wall clock; tests set it
}

// Client keeps one game server registered with its matchmakers. It is safe for
// concurrent use.
type Client struct {
	cfg  Config
	host Host
	log  *zap.Logger

	reservations *reservations
	outbox       *resultOutbox
	changed      chan struct{} // capacity 1; registrations or their replicas changed
	registered   atomic.Bool   // with any matchmaker, ever

	mu            sync.Mutex
	registrations map[*registration]struct{} // that a matchmaker has confirmed
	absentSince   time.Time                  // since when there is none
	hoursLogged   int                        // of that time
	idInUse       map[*link]string           // links refused because of the server's id, and the other's address
}

// New makes a client. [Client.Run] runs it.
func New(cfg Config, host Host, log *zap.Logger) *Client {
	if cfg.BackoffMin <= 0 {
		cfg.BackoffMin = 200 * time.Millisecond
	}
	if cfg.BackoffMax < cfg.BackoffMin {
		cfg.BackoffMax = max(2*time.Second, cfg.BackoffMin)
	}
	if cfg.now == nil {
		cfg.now = time.Now
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.New(prometheus.NewRegistry())
	}
	if log == nil {
		log = zap.NewNop()
	}
	return &Client{
		cfg:           cfg,
		host:          host,
		log:           log,
		reservations:  newReservations(host.Reserve),
		outbox:        newResultOutbox(maxResults, cfg.Metrics, log),
		changed:       make(chan struct{}, 1),
		registrations: make(map[*registration]struct{}),
		idInUse:       make(map[*link]string),
		absentSince:   cfg.now(),
	}
}

// Notify announces that the status of a match changed: every matchmaker receives a
// Load soon. Calls in quick succession result in one Load. It never blocks.
func (c *Client) Notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.registrations {
		signal(s.notify)
	}
}

// Ended queues the result of a match. It never blocks. The result goes to one
// matchmaker after another until one has acknowledged it.
func (c *Client) Ended(e *fleetv1.MatchEnded) { c.outbox.add(e) }

// Registered reports whether any matchmaker has ever had this server registered.
func (c *Client) Registered() bool { return c.registered.Load() }

// IDInUse returns the address of another process that has this server's id, by any
// matchmaker's answer; empty for none.
func (c *Client) IDInUse() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, address := range c.idInUse {
		return address
	}
	return ""
}

// noteIDInUse records whether a link was refused because of the server's id.
func (c *Client) noteIDInUse(l *link, err error) bool {
	reason, other := refusal.Of(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason == refusal.ServerIDInUse {
		c.idInUse[l] = other["address"]
		return true
	}
	delete(c.idInUse, l)
	return false
}

// Connected returns how many matchmakers have this server registered now.
func (c *Client) Connected() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.registrations)
}

// Run connects to the matchmakers and reconnects with growing, jittered waits. It
// returns nil after ctx has ended and a short wait for acknowledgements of results.
// It returns an error only for an address or options that can't work.
func (c *Client) Run(ctx context.Context) error {
	if len(c.cfg.Addrs) == 0 {
		return errors.New("no matchmaker address is given")
	}
	options, err := c.dialOptions()
	if err != nil {
		return err
	}
	linksCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	links := &links{client: c, ctx: linksCtx, options: options, byAddr: make(map[string]*link)}
	defer func() {
		stop()
		links.wg.Wait()
		c.outbox.stop()
	}()
	for _, addr := range c.cfg.Addrs {
		if err := links.start(addr); err != nil {
			return fmt.Errorf("matchmaker address %q: %w", addr, err)
		}
	}
	links.keep(ctx)
	c.awaitAcks()
	return nil
}

// awaitAcks waits until matchmakers have acknowledged all results, up to
// ackWaitTimeout.
func (c *Client) awaitAcks() {
	emptied := c.outbox.emptied()
	deadline := time.NewTimer(ackWaitTimeout)
	defer deadline.Stop()
	ticker := time.NewTicker(connectTimeout / 10)
	defer ticker.Stop()
	connected := time.Now()
	for {
		select {
		case <-emptied:
			return
		case now := <-ticker.C:
			if c.Connected() > 0 {
				connected = now
			}
			if now.Sub(connected) < connectTimeout {
				continue
			}
		case <-deadline.C:
		}
		c.log.Error("no matchmaker has acknowledged how these matches ended; their results are lost", zap.Int("count", c.outbox.count()))
		return
	}
}

// add adds a registration that the matchmaker has confirmed.
func (c *Client) add(s *registration) {
	c.registered.Store(true)
	c.mu.Lock()
	c.registrations[s] = struct{}{}
	delete(c.idInUse, s.link)
	c.cfg.Metrics.Matchmakers.Set(float64(len(c.registrations)))
	c.mu.Unlock()
	signal(c.changed)
}

func (c *Client) remove(s *registration) {
	c.mu.Lock()
	delete(c.registrations, s)
	c.absentSince, c.hoursLogged = c.cfg.now(), 0
	c.cfg.Metrics.Matchmakers.Set(float64(len(c.registrations)))
	c.mu.Unlock()
	signal(c.changed)
}

// setReplicas records which replicas a registration's matchmaker knows.
func (c *Client) setReplicas(s *registration, replicas *fleetv1.Replicas) {
	c.mu.Lock()
	s.replicas = replicas.GetAddresses()
	c.mu.Unlock()
	signal(c.changed)
}

// duplicateOf returns the registration that another link has with the same
// matchmaker, nil for none.
func (c *Client) duplicateOf(matchmakerID string, l *link) *registration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.registrations {
		if s.link != l && s.matchmakerID == matchmakerID {
			return s
		}
	}
	return nil
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
