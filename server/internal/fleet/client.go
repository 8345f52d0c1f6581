// Package fleet is the game server's side of the road to the matchmaker: one
// bidirectional gRPC stream that registers the server, tells its load, and
// takes reservations. A server whose matchmaker is away keeps its matches; the
// client comes back by itself and tells the full picture again.
package fleet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Host is the game server as the matchmaker sees it. Its methods are called
// from several goroutines. The messages it returns belong to the client.
type Host interface {
	// Register tells the full picture; it is called for every connection.
	Register() *fleetv1.Register
	// Load is called at the interval the matchmaker asks for and soon after
	// [Client.Notify]. A match that changes after Register or Load returned
	// belongs in the next Load.
	Load() *fleetv1.Load
	// Reserve takes all seats or none. It is called once per request id; the
	// client repeats the answer itself. ctx ends with the stream, after which
	// nobody waits for the answer.
	Reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult
	// Release takes unclaimed seats back; it must not block.
	Release(r *fleetv1.Release)
	// Drain asks for an end; it must not block.
	Drain(d *fleetv1.Drain)
	// TokenKey tells which key signs join tokens from now on. It is called
	// before the server gets its first reservation of a connection.
	TokenKey(matchmakerID string, key ed25519.PublicKey)
}

// Config configures a [Client]. Zero values mean the defaults named.
type Config struct {
	// Addr is the matchmaker's internal address, host:port or any gRPC target.
	Addr string
	// DialOptions are added to the client's own. Without any, the connection is
	// plain text, which is meant for loopback and private networks; pass
	// grpc.WithTransportCredentials for mutual TLS.
	DialOptions []grpc.DialOption
	// BackoffMin is the wait after the first failed attempt; default 200 ms.
	BackoffMin time.Duration
	// BackoffMax bounds the wait between attempts; default 2 s.
	BackoffMax time.Duration
	// EndedQueue bounds how many ended matches wait for a connection; the
	// oldest is dropped above it. Default 1024.
	EndedQueue int
}

const (
	handshakeTimeout = 5 * time.Second
	farewellTimeout  = time.Second
	keepaliveTime    = 15 * time.Second
	keepaliveTimeout = 5 * time.Second
)

// Client keeps one game server registered with the matchmaker.
type Client struct {
	cfg  Config
	host Host
	log  *zap.Logger

	reservations *reservations
	notify       chan struct{} // capacity 1
	endedReady   chan struct{} // capacity 1
	connected    atomic.Bool

	mu      sync.Mutex
	ended   []*fleetv1.MatchEnded
	dropped int
}

// New makes a client; [Client.Run] does the work.
func New(cfg Config, host Host, log *zap.Logger) *Client {
	if cfg.BackoffMin <= 0 {
		cfg.BackoffMin = 200 * time.Millisecond
	}
	if cfg.BackoffMax < cfg.BackoffMin {
		cfg.BackoffMax = max(2*time.Second, cfg.BackoffMin)
	}
	if cfg.EndedQueue <= 0 {
		cfg.EndedQueue = 1024
	}
	if log == nil {
		log = zap.NewNop()
	}
	return &Client{
		cfg:          cfg,
		host:         host,
		log:          log,
		reservations: newReservations(host.Reserve),
		notify:       make(chan struct{}, 1),
		endedReady:   make(chan struct{}, 1),
	}
}

// Notify tells that a match's status changed: a Load goes out soon. Calls in
// quick succession make one Load. It never blocks.
func (c *Client) Notify() { signal(c.notify) }

// Ended tells that a match is over. It never blocks: the message is delivered
// when a connection is there, and kept (boundedly) while there is none.
func (c *Client) Ended(e *fleetv1.MatchEnded) {
	c.mu.Lock()
	if len(c.ended) >= c.cfg.EndedQueue {
		c.ended[0] = nil
		c.ended = c.ended[1:]
		c.dropped++
	}
	c.ended = append(c.ended, e)
	c.mu.Unlock()
	signal(c.endedReady)
}

// Connected reports whether the matchmaker has this server registered now.
func (c *Client) Connected() bool { return c.connected.Load() }

// Run connects, and connects again for ever with growing, jittered waits. It
// returns nil when ctx ends, after what is queued was sent if there is a
// connection; an error only when the address or the options can't work.
func (c *Client) Run(ctx context.Context) error {
	if c.cfg.Addr == "" {
		return errors.New("matchmaker address is empty")
	}
	conn, err := grpc.NewClient(c.cfg.Addr, c.dialOptions()...)
	if err != nil {
		return fmt.Errorf("matchmaker address %q: %w", c.cfg.Addr, err)
	}
	defer conn.Close()
	var failures uint
	away := false
	for {
		began := time.Now()
		err := c.runSession(ctx, conn)
		wasConnected := c.connected.Swap(false)
		if ctx.Err() != nil {
			return nil
		}
		if wasConnected || !away {
			c.log.Warn("matchmaker is away; matches go on, trying again",
				zap.String("addr", c.cfg.Addr), zap.String("why", plain(err)))
			away = true
		}
		if wasConnected && time.Since(began) > c.cfg.BackoffMax {
			failures = 0
		}
		if !sleep(ctx, c.backoff(failures)) {
			return nil
		}
		failures++
		if conn.GetState() == connectivity.TransientFailure {
			conn.ResetConnectBackoff() // the waits here are the only ones
		}
	}
}

func (c *Client) dialOptions() []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	}
	return append(options, c.cfg.DialOptions...)
}

// backoff doubles from BackoffMin to BackoffMax; each wait is drawn from the
// upper half, so that a fleet does not come back all at once.
func (c *Client) backoff(failures uint) time.Duration {
	d := c.cfg.BackoffMax
	if failures < 16 {
		d = min(d, c.cfg.BackoffMin<<failures)
	}
	return d/2 + rand.N(d/2+1)
}

func (c *Client) nextEnded() *fleetv1.MatchEnded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped > 0 {
		c.log.Warn("ended matches were dropped while the matchmaker was away", zap.Int("count", c.dropped))
		c.dropped = 0
	}
	if len(c.ended) == 0 {
		return nil
	}
	return c.ended[0]
}

// endedSent forgets the message once it was handed to the stream.
func (c *Client) endedSent(e *fleetv1.MatchEnded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ended) > 0 && c.ended[0] == e {
		c.ended[0] = nil
		c.ended = c.ended[1:]
	}
}

func plain(err error) string {
	if err == nil {
		return "the stream was closed"
	}
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// sleep waits for d and reports whether it did so before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var errNoRegistered = errors.New("the matchmaker's first message was not Registered")
