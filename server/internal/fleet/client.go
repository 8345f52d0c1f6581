// Package fleet is the game server's side of the road to the matchmakers: one
// bidirectional gRPC stream to each replica that registers the server, tells
// its load, and takes reservations. A server whose matchmakers are away keeps
// its matches; the client comes back by itself and tells the full picture
// again. How a match ended is told until a matchmaker has stored it.
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

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/metrics"
)

// Host is the game server as the matchmakers see it. Its methods are called
// from several goroutines. The messages it returns belong to the client.
type Host interface {
	// Report starts telling a matchmaker of the server; it is called for every
	// stream.
	Report() Report
	// Reserve takes all seats or none. It is called once per request id,
	// whichever stream that came by; the client repeats the answer itself. ctx
	// ends with the stream, after which nobody waits for the answer.
	Reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult
	// Release takes unclaimed seats back; it must not block.
	Release(r *fleetv1.Release)
	// Drain asks for an end; it must not block.
	Drain(d *fleetv1.Drain)
	// TrustKey tells of a key that signs join tokens. It is called before the
	// server gets its first reservation of a stream, and done when the stream has
	// ended. Several streams may tell the same key.
	TrustKey(key ed25519.PublicKey) (done func())
}

// Report is what one stream tells of the server. Its methods are called one at
// a time, Register first.
type Report interface {
	// Register tells the full picture.
	Register() *fleetv1.Register
	// Load is called at the interval the matchmaker asks for and soon after
	// [Client.Notify]. A match that changed or ended since Register or Load was
	// called last belongs in it.
	Load() *fleetv1.Load
}

// Config configures a [Client]. Zero values mean the defaults named.
type Config struct {
	// Addrs are the internal addresses of matchmakers, host:port or any gRPC
	// target. One will do: it tells of the others.
	Addrs []string
	// DialOptions are added to the client's own.
	DialOptions []grpc.DialOption
	// TLS turns on TLS, mutual with a certificate. Without it the connections are
	// errorText text, which is meant for loopback and private networks.
	TLS TLSFiles
	// BackoffMin is the wait after the first failed attempt; default 200 ms.
	BackoffMin time.Duration
	// BackoffMax bounds the wait between attempts; default 2 s.
	BackoffMax time.Duration
	// Metrics are counted in; default: nobody sees them.
	Metrics *metrics.Metrics

	now func() time.Time // the tests' wall clock
}

// Client keeps one game server registered with its matchmakers.
type Client struct {
	cfg  Config
	host Host
	log  *zap.Logger

	reservations *reservations
	outbox       *resultOutbox
	changed      chan struct{} // capacity 1; sessions, or what they told, changed
	registered   atomic.Bool   // with any matchmaker, ever

	mu            sync.Mutex
	registrations map[*registration]struct{} // those that are welcome
	absentSince   time.Time                  // since when there are none
	hoursLogged   int                        // of it that the log has told of
}

// New makes a client; [Client.Run] does the work.
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
		absentSince:   cfg.now(),
	}
}

// Notify tells that a match's status changed: a Load goes out soon to every
// matchmaker. Calls in quick succession make one Load. It never blocks.
func (c *Client) Notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.registrations {
		signal(s.notify)
	}
}

// Ended tells that a match is over. It never blocks: one matchmaker is told
// when a connection is there, and others until one has acknowledged.
func (c *Client) Ended(e *fleetv1.MatchEnded) { c.outbox.add(e) }

// Registered reports whether any matchmaker has ever had this server registered.
func (c *Client) Registered() bool { return c.registered.Load() }

// Connected returns how many matchmakers have this server registered now.
func (c *Client) Connected() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.registrations)
}

// Run connects to the matchmakers, and connects again for ever with growing,
// jittered waits. It returns nil when ctx ends, after a short wait for what is
// not acknowledged; an error only when an address or the options can't work.
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

// awaitAcks waits a moment for matchmakers to acknowledge what they were told.
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

// welcome adds a session that the matchmaker has answered.
func (c *Client) add(s *registration) {
	c.registered.Store(true)
	c.mu.Lock()
	c.registrations[s] = struct{}{}
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

// tell notes which replicas a session's matchmaker knows.
func (c *Client) setReplicas(s *registration, replicas *fleetv1.Replicas) {
	c.mu.Lock()
	s.replicas = replicas.GetAddresses()
	c.mu.Unlock()
	signal(c.changed)
}

// duplicate returns the session that another link has with the same matchmaker.
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
