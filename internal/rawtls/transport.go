package rawtls

import (
	"net"
	"time"
)

// transport is what a tls.Conn reads from and writes to: a net.Conn at first, memory
// once it is detached. As safe as its net.Conn, later owned by its Records.
type transport struct {
	lower net.Conn // nil once detached
	next  cursor   // where the TLS layer is in the stream of records
	in    []byte   // records that the TLS layer may read now
	out   []byte   // records that the TLS layer has written
}

// Transport returns a connection for [tls.Server] or [tls.Client] that can be detached
// later. Everything is passed on to lower until then.
func Transport(lower net.Conn) net.Conn { return &transport{lower: lower} }

// NetConn returns the connection below, nil once detached.
func (t *transport) NetConn() net.Conn { return t.lower }

// Read never returns an error once detached but errNothing: any other would be the
// connection's last.
func (t *transport) Read(b []byte) (int, error) {
	if t.lower == nil {
		n := copy(b, t.in)
		t.in = t.in[n:]
		if n == 0 {
			return 0, errNothing
		}
		return n, nil
	}
	n, err := t.lower.Read(b)
	t.next.pass(b[:n])
	return n, err
}

// Write takes everything once detached: an encrypted record has used up its number, so
// that it must be sent, whole and in order.
func (t *transport) Write(b []byte) (int, error) {
	if t.lower == nil {
		t.out = append(t.out, b...)
		return len(b), nil
	}
	return t.lower.Write(b)
}

func (t *transport) Close() error {
	if t.lower == nil {
		return nil
	}
	return t.lower.Close()
}

func (t *transport) LocalAddr() net.Addr {
	if t.lower == nil {
		return detached{}
	}
	return t.lower.LocalAddr()
}

func (t *transport) RemoteAddr() net.Addr {
	if t.lower == nil {
		return detached{}
	}
	return t.lower.RemoteAddr()
}

// Deadlines matter until the detachment: net/http ends its background read by one. The
// TLS layer sets one for its closing alert at any time.

func (t *transport) SetDeadline(at time.Time) error {
	if t.lower == nil {
		return nil
	}
	return t.lower.SetDeadline(at)
}

func (t *transport) SetReadDeadline(at time.Time) error {
	if t.lower == nil {
		return nil
	}
	return t.lower.SetReadDeadline(at)
}

func (t *transport) SetWriteDeadline(at time.Time) error {
	if t.lower == nil {
		return nil
	}
	return t.lower.SetWriteDeadline(at)
}

// detached is the address of a transport that is memory.
type detached struct{}

func (detached) Network() string { return "memory" }
func (detached) String() string  { return "detached" }

// errNothing says that no more bytes have arrived. crypto/tls keeps it as the
// connection's last error unless it is a net.Error itself, wrapped by nothing, and
// temporary.
var errNothing error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "rawtls: nothing has arrived" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }
