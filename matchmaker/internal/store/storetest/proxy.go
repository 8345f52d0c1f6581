package storetest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy is between a store and a NATS node, and disturbs their connection.
type Proxy struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup

	mu     sync.Mutex
	moving *sync.Cond
	halted flow
	closed bool
	conns  map[net.Conn]bool
}

// flow says which directions of a connection are halted.
type flow struct{ requests, answers bool }

// StartProxy starts a proxy to a node. It ends with the test.
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

// URL is the URL for the store.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Halt holds both directions back and keeps what arrives.
func (p *Proxy) Halt() { p.set(flow{requests: true, answers: true}) }

// HaltAnswers holds back the answers of the node. Requests pass.
func (p *Proxy) HaltAnswers() { p.set(flow{answers: true}) }

// Resume lets both directions pass again.
func (p *Proxy) Resume() { p.set(flow{}) }

func (p *Proxy) set(halted flow) {
	p.mu.Lock()
	p.halted = halted
	p.mu.Unlock()
	p.moving.Broadcast()
}

// Cut closes all connections. Messages under way are lost.
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
		p.serving.Go(func() { p.copy(node, client, flow{requests: true}) })
		p.serving.Go(func() { p.copy(client, node, flow{answers: true}) })
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

func (p *Proxy) copy(to, from net.Conn, way flow) {
	_, _ = io.Copy(gate{p, to, way}, from)
	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	delete(p.conns, to)
	delete(p.conns, from)
	p.mu.Unlock()
}

// gate holds writes back while their direction is halted.
type gate struct {
	proxy *Proxy
	to    net.Conn
	way   flow
}

func (g gate) Write(b []byte) (int, error) {
	g.proxy.mu.Lock()
	for g.way.requests && g.proxy.halted.requests || g.way.answers && g.proxy.halted.answers {
		g.proxy.moving.Wait()
	}
	g.proxy.mu.Unlock()
	return g.to.Write(b)
}
