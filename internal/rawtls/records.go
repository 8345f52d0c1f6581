package rawtls

import (
	"crypto/tls"
	"errors"
	"math"
	"net"
)

// Records is a TLS connection that does no I/O: its owner passes received bytes to it
// and sends the bytes that it returns. Not safe for concurrent use; owned by the
// goroutine that serves the connection.
type Records struct {
	tls  *tls.Conn
	wire *transport
	held []byte // received bytes that the TLS layer has not got yet, see hold
	// buffered means that the TLS layer may have data without further bytes.
	buffered bool
}

// errNotDetachable is the error of Detach.
var errNotDetachable = errors.New("rawtls: not TLS 1.3 on a transport of this package")

// Below returns the connection below a TLS connection that Detach accepts: one of TLS 1.3
// over Transport. It returns nil for others. The handshake must be complete.
func Below(c *tls.Conn) net.Conn {
	t, ok := c.NetConn().(*transport)
	if !ok || c.ConnectionState().Version != tls.VersionTLS13 {
		return nil
	}
	return t.lower
}

// Detach separates a TLS connection from the one [Below], which remains open; from then
// on the caller receives and sends. No other goroutine may use the connection. If there
// is none below, it returns an error and changes nothing.
func Detach(c *tls.Conn) (*Records, error) {
	if Below(c) == nil {
		return nil, errNotDetachable
	}
	t := c.NetConn().(*transport)
	t.lower = nil
	// More than one record may have arrived with the last bytes.
	return &Records{tls: c, wire: t, buffered: true}, nil
}

// Resting reports whether Open may be called: no received byte is kept.
func (r *Records) Resting() bool {
	return !r.buffered && len(r.held) == 0 && r.wire.next.have == 0
}

// Buffered reports whether Read may return data, or an error, without further bytes.
func (r *Records) Buffered() bool {
	if r.buffered {
		return true
	}
	_, _, whole := r.wire.next.record(r.held)
	return whole
}

// MidRecord reports whether the received bytes end within a record.
func (r *Records) MidRecord() bool { return len(r.held) > 0 || r.wire.next.have > 0 }

// Open decrypts received bytes in place: b[:n] is the data. It keeps an incomplete
// record. The connection must be Resting. The error is io.EOF when the peer has closed
// the TLS connection; each error is final, and Answer may have an alert for the peer.
func (r *Records) Open(b []byte) (n int, err error) {
	whole, size := r.cut(b, len(b))
	if whole < len(b) {
		r.Feed(b[whole:])
	}
	if whole == 0 {
		return 0, nil
	}
	// Data is shorter than its record, which the TLS layer has copied when it writes
	// the data, so that it overwrites nothing that is still needed.
	return r.decrypt(b[:whole], b, size)
}

// Feed keeps received bytes for Read.
func (r *Records) Feed(b []byte) { r.held = hold(r.held, b) }

// Read decrypts bytes that were received before the detachment or passed to Feed. It
// returns 0 and no error if they hold no data. Errors are as those of Open. dst must not
// be empty.
func (r *Records) Read(dst []byte) (n int, err error) {
	if r.buffered {
		if n, err = r.decrypt(nil, dst, math.MaxInt); n > 0 || err != nil {
			return n, err
		}
	}
	whole, size := r.cut(r.held, len(dst))
	if whole == 0 {
		return 0, nil
	}
	n, err = r.decrypt(r.held[:whole], dst, size)
	r.held = discard(r.held, whole)
	return n, err
}

// cut returns the length of the whole records at the start of b and how much data they
// hold at most. If one record holds more than room, it is the only one.
func (r *Records) cut(b []byte, room int) (whole, size int) {
	for whole < len(b) {
		rest, data, ok := r.wire.next.record(b[whole:])
		if !ok || whole > 0 && size+data > room {
			break
		}
		r.wire.next.have = 0
		whole += rest
		size += data
	}
	return whole, size
}

// decrypt passes whole records to the TLS layer and returns their data. Once all of the
// size that they can hold has come, nothing is left to read. Otherwise there was
// padding, or a record without data, and the TLS layer has to say that it has nothing.
// That costs an allocation.
func (r *Records) decrypt(records, dst []byte, size int) (n int, err error) {
	r.wire.in = records
	for n < len(dst) {
		m, err := r.tls.Read(dst[n:])
		n += m
		size -= m
		if err == nil && size > 0 {
			continue
		}
		r.wire.in, r.buffered = nil, false
		if err == errNothing { //nolint:errorlint // crypto/tls returns the value itself
			err = nil
		}
		return n, err
	}
	// One record that holds more than dst: the TLS layer has all of it.
	r.wire.in, r.buffered = nil, true
	return n, nil
}

// Seal encrypts b and appends the records to dst. They must be sent in the order in
// which they were made. An error means that the connection can send no more.
func (r *Records) Seal(dst, b []byte) ([]byte, error) {
	r.wire.out = append(dst, r.wire.out...)
	_, err := r.tls.Write(b)
	return r.taken(), err
}

// Answer returns records that the TLS layer wrote by itself while it was reading: an
// alert, or the answer to a change of keys. They must be sent like those of Seal, which
// would include them. nil: none.
func (r *Records) Answer() []byte { return r.taken() }

// CloseNotify appends the alert that ends the connection to dst. Nothing can be sealed
// afterwards.
func (r *Records) CloseNotify(dst []byte) []byte {
	r.wire.out = append(dst, r.wire.out...)
	_ = r.tls.CloseWrite() // an error means that there is no alert
	return r.taken()
}

// Release frees what is kept. The Records are not usable afterwards.
func (r *Records) Release() { r.held = discard(r.held, len(r.held)) }

func (r *Records) taken() []byte {
	out := r.wire.out
	r.wire.out = nil
	return out
}
