package ws

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"tactus/internal/rawtls"
	"tactus/internal/tlstest"
	"tactus/protocol"
)

// securePair is pair over TLS: the peer's records are made by client. Data has arrived
// when the write returns.
func securePair(t testing.TB) (c *Conn, client *rawtls.Records, peer int) {
	t.Helper()
	c, ends, peer := securePairOf(t)
	return c, ends.client, peer
}

func securePairOf(t testing.TB) (c *Conn, ends *tlsEnds, peer int) {
	t.Helper()
	plain, peer := pair(t)
	ends = detachedEnds(t)
	server := ends.server
	plain.stream = &tlsStream{rawStream: *plain.stream.(*rawStream), records: server}
	plain.records = server
	return plain, ends, peer
}

// tlsEnds are both ends of a TLS connection without a transport.
type tlsEnds struct {
	server, client *rawtls.Records
	keyLog         bytes.Buffer // of the client
	suite          uint16
}

func detachedEnds(t testing.TB) *tlsEnds {
	t.Helper()
	e := &tlsEnds{}
	certificate, roots := tlstest.Certificate(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := NewTLSListener(inner, &tls.Config{Certificates: []tls.Certificate{certificate}})
	defer listener.Close()
	low, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer low.Close()
	high, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer lowest(high).Close()
	dialled := tls.Client(rawtls.Transport(low), &tls.Config{RootCAs: roots, ServerName: "localhost", KeyLogWriter: &e.keyLog, DynamicRecordSizingDisabled: true})
	done := make(chan error, 1)
	go func() { done <- high.(*tls.Conn).Handshake() }()
	if err := errors.Join(dialled.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	e.suite = dialled.ConnectionState().CipherSuite
	if e.server, err = rawtls.Detach(high.(*tls.Conn)); err != nil {
		t.Fatal(err)
	}
	if e.client, err = rawtls.Detach(dialled); err != nil {
		t.Fatal(err)
	}
	for _, end := range []*rawtls.Records{e.server, e.client} {
		if n, err := end.Read(make([]byte, 1)); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	return e
}

func sendRaw(t testing.TB, fd int, b []byte) { //nolint:thelper // Helper allocates
	if n, err := unix.Write(fd, b); n != len(b) {
		t.Fatal(n, err)
	}
}

// TestConn_tlsClosesWithAlert: the close frame is followed by the alert that ends TLS.
// Behind a part of a record there is neither.
func TestConn_tlsClosesWithAlert(t *testing.T) {
	c, client, peer := securePair(t)
	c.Close(protocol.CloseMatchOver, "over")
	b := make([]byte, 4096)
	n, err := unix.Read(peer, b)
	if err != nil {
		t.Fatal(err)
	}
	data, err := client.Open(b[:n])
	if want := appendCloseFrame(nil, protocol.CloseMatchOver, "over"); err != io.EOF || !bytes.Equal(b[:data], want) { //nolint:errorlint // callers compare the value
		t.Errorf("got %q, %v; want %q and EOF", b[:data], err, want)
	}

	c, client, peer = securePair(t)
	block(t, c)
	c.Close(protocol.CloseSlow, "slow")
	for {
		n, err := unix.Read(peer, b)
		if n <= 0 {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		client.Feed(b[:n])
		for client.Buffered() {
			if _, err := client.Read(make([]byte, 32<<10)); err != nil {
				t.Fatalf("an alert, or a damaged record: %v", err)
			}
		}
	}
}

// block writes until the socket accepts no more, and returns the number of bytes.
func block(t *testing.T, c *Conn) (written uint64) {
	t.Helper()
	frame := serverFrame(bytes.Repeat([]byte("old "), 8<<10))
	for now := int64(1); !c.Blocked(); now++ {
		if _, err := c.Write(now, frame); err != nil {
			t.Fatal(err)
		}
	}
	return c.BytesOut()
}

// TestConn_tlsEncryptsOnlyWithRoom: a frame that the connection does not accept is not
// encrypted. The client, which decrypts in order, gets all records and then the newest
// state.
func TestConn_tlsEncryptsOnlyWithRoom(t *testing.T) {
	c, client, peer := securePair(t)
	written := block(t, c)
	var batch WriteBatch
	var o outcome
	for range 100 {
		add(&batch, 5, c, &o, serverFrame([]byte("dropped")))
		batch.Run(5)
		if o.sent.Taken || !o.sent.Blocked || o.sent.Err != nil {
			t.Fatalf("%+v", o.sent)
		}
	}
	newest := serverFrame([]byte("newest"))
	b, data := make([]byte, 64<<10), make([]byte, 64<<10)
	var last []byte
	for got := uint64(0); !bytes.HasSuffix(last, newest); {
		n, err := unix.Read(peer, b)
		if errors.Is(err, unix.EAGAIN) {
			add(&batch, 6, c, &o, newest)
			batch.Run(6)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		client.Feed(b[:n])
		for client.Buffered() {
			m, err := client.Read(data)
			if err != nil {
				t.Fatal(err)
			}
			if got += uint64(m); got > written+uint64(len(newest)) {
				t.Fatalf("%d bytes came, %d were accepted", got, written)
			}
			last = append(last[:0], data[:m]...)
		}
	}
}

// TestConn_tlsBoundsAnswers: a client that does not receive asks for new keys until the
// answers have filled what is kept for it.
func TestConn_tlsBoundsAnswers(t *testing.T) {
	for _, receives := range []bool{true, false} {
		c, ends, peer := securePairOf(t)
		sender := tlstest.NewSender(t, ends.keyLog.String(), ends.suite)
		h := &counter{}
		if !receives {
			block(t, c)
		}
		sink := make([]byte, 64<<10)
		for i := range 300 {
			var wire []byte
			for range 10 {
				wire = sender.KeyUpdate(wire)
			}
			sendRaw(t, peer, sender.Data(wire, binaryFrame("data"), 0))
			err := read(c, int64(i+1), h)
			if receives {
				if _, readErr := unix.Read(peer, sink); readErr != nil || err != nil {
					t.Fatal(readErr, err)
				}
				continue
			}
			if err != nil {
				if !errors.Is(err, errAnswers) {
					t.Fatal(err)
				}
				break
			}
			if n := len(c.stream.(*tlsStream).unsent.b); n > MaxWrite+maxAnswers || i > maxAnswers/270 {
				t.Fatalf("%d bytes are kept after %d rounds", n, i)
			}
		}
		if (c.ended == nil) != receives || h.n == 0 {
			t.Errorf("receives %v: ended with %v after %d messages", receives, c.ended, h.n)
		}
	}
}
