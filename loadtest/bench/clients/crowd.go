//go:build linux

package clients

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"tactus/protocol"
)

// Crowd is clients of Tactus that have seats and send nothing. They lose their
// connections at once and come back. It is not safe for concurrent use.
type Crowd struct {
	members []member
	tls     *tls.Config
}

// member is one client.
type member struct {
	url    string
	resume string
	conn   net.Conn // nil: not connected
}

// GatherConfig says which clients a crowd has.
type GatherConfig struct {
	Dialect *Silent // searches for their matches
	Clients int
	TLS     *tls.Config
}

// Gather seats a crowd. It returns an error unless all have got in.
func Gather(ctx context.Context, cfg GatherConfig) (*Crowd, error) {
	c := &Crowd{members: make([]member, cfg.Clients), tls: cfg.TLS}
	errs := make([]error, cfg.Clients)
	places := make(chan struct{}, maxEntering)
	var wg sync.WaitGroup
	for i := range c.members {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			a, err := cfg.Dialect.search(ctx, &Client{Index: i})
			if err == nil {
				c.members[i].url = a.GetUrl()
				err = c.enter(ctx, &c.members[i], &protocol.Hello{Token: a.GetJoinToken(), Client: "tactus-bench"})
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("client %d did not get in: %w", i, err)
		}
	}
	return c, nil
}

// Return resets all connections and lets all clients come back, all at once. It returns
// how long each took from the first reset to its welcome; those that failed are missing.
func (c *Crowd) Return(ctx context.Context) []time.Duration {
	begun := time.Now()
	for i := range c.members {
		c.reset(&c.members[i])
	}
	took := make([]time.Duration, len(c.members))
	var wg sync.WaitGroup
	for i := range c.members {
		wg.Go(func() {
			if c.comeBack(ctx, &c.members[i], begun.Add(enterTimeout)) {
				took[i] = time.Since(begun)
			}
		})
	}
	wg.Wait()
	back := took[:0]
	for _, d := range took {
		if d > 0 {
			back = append(back, d)
		}
	}
	return back
}

// comeBack tries until the deadline, with a pause between two tries, as players' clients
// do.
func (c *Crowd) comeBack(ctx context.Context, m *member, deadline time.Time) bool {
	for time.Now().Before(deadline) {
		if c.enter(ctx, m, &protocol.Hello{Resume: m.resume, Client: "tactus-bench"}) == nil {
			return true
		}
		if wait(ctx, retryPause) != nil {
			return false
		}
	}
	return false
}

// retryPause is the time between two tries.
const retryPause = 250 * time.Millisecond

// Close resets all connections.
func (c *Crowd) Close() {
	for i := range c.members {
		c.reset(&c.members[i])
	}
}

func (c *Crowd) reset(m *member) {
	if m.conn == nil {
		return
	}
	low := m.conn
	if secure, ok := low.(*tls.Conn); ok {
		low = secure.NetConn()
	}
	if tcp, ok := low.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = low.Close()
	m.conn = nil
}

// enter connects, says hello and waits for the welcome.
func (c *Crowd) enter(ctx context.Context, m *member, hello *protocol.Hello) error {
	dialer := ws.Dialer{Timeout: enterTimeout, Protocols: []string{protocol.Subprotocol}, TLSConfig: c.tls}
	conn, early, _, err := dialer.Dial(ctx, m.url)
	if err != nil {
		return err
	}
	if early != nil {
		ws.PutReader(early)
		return errors.Join(errors.New("bytes before the hello"), conn.Close())
	}
	if err := conn.SetDeadline(time.Now().Add(enterTimeout)); err != nil {
		return errors.Join(err, conn.Close())
	}
	message, err := helloAndWelcome(conn, protocol.AppendHello(nil, hello))
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	w, err := protocol.ParseWelcome(message)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	m.conn, m.resume = conn, w.Resume
	return nil
}

func helloAndWelcome(conn net.Conn, hello []byte) ([]byte, error) {
	if err := wsutil.WriteClientBinary(conn, hello); err != nil {
		return nil, err
	}
	return wsutil.ReadServerBinary(conn)
}
