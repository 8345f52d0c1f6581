package storetest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands between a store and a NATS node, and makes their connection bad.
type Proxy struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup

	mu     sync.Mutex
	moving *sync.Cond
	halted bool
	closed bool
	conns  map[net.Conn]bool
}

// StartProxy starts a proxy to a node; it ends with the test.
func StartProxy(t testing.TB, c *Cluster, node int) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: loopback(c.nodes[node].Port), conns: map[net.Conn]bool{}}
	p.moving = sync.NewCond(&p.mu)
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Resume()
		p.Cut()
		p.serving.Wait()
	})
	return p
}

// URL for the store.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Halt lets nothing more through, in either direction, and keeps what comes.
func (p *Proxy) Halt() { p.set(true) }

// Resume lets all through again.
func (p *Proxy) Resume() { p.set(false) }

func (p *Proxy) set(halted bool) {
	p.mu.Lock()
	p.halted = halted
	p.mu.Unlock()
	p.moving.Broadcast()
}

// Cut closes all connections; what was under way is lost.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		node, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(client, node) {
			_ = client.Close()
			if node != nil {
				_ = node.Close()
			}
			continue
		}
		p.serving.Go(func() { p.copy(client, node) })
		p.serving.Go(func() { p.copy(node, client) })
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		p.conns[conn] = true
	}
	return !p.closed
}

func (p *Proxy) copy(to, from net.Conn) {
	_, _ = io.Copy(gate{p, to}, from)
	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	delete(p.conns, to)
	delete(p.conns, from)
	p.mu.Unlock()
}

// gate holds writes back while the proxy is halted.
type gate struct {
	proxy *Proxy
	to    net.Conn
}

func (g gate) Write(b []byte) (int, error) {
	g.proxy.mu.Lock()
	for g.proxy.halted {
		g.proxy.moving.Wait()
	}
	g.proxy.mu.Unlock()
	return g.to.Write(b)
}
