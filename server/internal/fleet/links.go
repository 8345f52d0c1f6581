package fleet

import (
	"context"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"tactus/internal/certificate"
)

// links holds a link to each matchmaker: the configured ones, and those that any of
// them lists. It is not safe for concurrent use; owned by the goroutine of keep.
type links struct {
	client  *Client
	ctx     context.Context //nolint:containedctx // the life of all links, which ends after that of keep
	options []grpc.DialOption
	byAddr  map[string]*link
	wg      sync.WaitGroup
}

// keep adds and removes links until ctx ends.
func (ls *links) keep(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ls.client.changed:
		case <-timer.C:
		}
		timer.Stop()
		if wait := ls.reconcile(time.Now()); wait > 0 {
			timer.Reset(wait)
		}
	}
}

// reconcile starts links that are wanted and stops those that were unwanted for
// dropAfter. It returns the time until the next call; 0: only after a change.
func (ls *links) reconcile(now time.Time) (wait time.Duration) {
	wanted, connected := ls.client.wanted()
	for addr := range wanted {
		if ls.byAddr[addr] != nil || len(ls.byAddr) >= maxReplicas {
			continue
		}
		if err := ls.start(addr); err != nil {
			ls.client.log.Warn("a matchmaker tells of another by an address that can't work", zap.String("addr", addr), zap.Error(err))
		}
	}
	for addr, l := range ls.byAddr {
		// While no matchmaker is connected, the last lists apply.
		if wanted[addr] || !connected {
			l.unwanted = time.Time{}
			continue
		}
		if l.unwanted.IsZero() {
			l.unwanted = now
		}
		left := dropAfter - now.Sub(l.unwanted)
		if left <= 0 {
			ls.client.log.Info("matchmaker is let go: no other tells of it any more", zap.String("addr", addr))
			l.stop()
			delete(ls.byAddr, addr)
			continue
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return wait
}

func (ls *links) start(addr string) error {
	if ls.byAddr[addr] != nil {
		return nil
	}
	conn, err := grpc.NewClient(addr, ls.options...)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ls.ctx)
	l := &link{client: ls.client, addr: addr, conn: conn, stop: stop}
	ls.byAddr[addr] = l
	ls.wg.Go(func() {
		defer conn.Close()
		defer stop()
		l.run(ctx)
	})
	return nil
}

// wanted returns the addresses to connect to, and whether any matchmaker is
// connected. A matchmaker that lists no replicas is the only one and stays.
func (c *Client) wanted() (addrs map[string]bool, connected bool) {
	addrs = make(map[string]bool)
	for _, addr := range c.cfg.Addrs {
		addrs[addr] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.registrations {
		if len(s.replicas) == 0 {
			addrs[s.link.addr] = true
		}
		for _, addr := range s.replicas {
			if reachable(addr) {
				addrs[addr] = true
			}
		}
	}
	return addrs, len(c.registrations) > 0
}

// reachable reports whether a listed address has a host and a port. A matchmaker
// that listens on all addresses may not know its own address.
func reachable(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && host != "" && port != "" && port != "0" && (ip == nil || !ip.IsUnspecified())
}

func (c *Client) dialOptions() ([]grpc.DialOption, error) {
	secure := insecure.NewCredentials()
	if c.cfg.TLS != (certificate.Files{}) {
		var err error
		if secure, err = newCredentials(c.cfg.TLS, c.log); err != nil {
			return nil, err
		}
	}
	options := []grpc.DialOption{
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.WithTransportCredentials(secure),
	}
	if c.cfg.TokenFile != "" {
		options = append(options, grpc.WithPerRPCCredentials(tokenFile(c.cfg.TokenFile)))
	}
	return append(options, c.cfg.DialOptions...), nil
}
