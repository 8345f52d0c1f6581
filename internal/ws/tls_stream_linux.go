package ws

import (
	"errors"
	"io"
	"sync"

	"tactus/internal/rawtls"
)

// tlsStream is a descriptor whose bytes are records of TLS. Not safe for concurrent use;
// owned by its Conn.
type tlsStream struct {
	rawStream
	records *rawtls.Records
}

// newTLSConn makes the connection of a descriptor and its records.
func newTLSConn(raw rawStream, records *rawtls.Records, maxMessage int) *Conn {
	c := &struct {
		Conn
		stream tlsStream
	}{stream: tlsStream{rawStream: raw, records: records}}
	c.Conn = *NewConn(&c.stream, maxMessage)
	c.Conn.fd, c.Conn.records = int32(raw.fd), records
	return &c.Conn
}

// receiveBuffers are for records that can't be decrypted where a loop has read them.
var receiveBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// Read decrypts what is kept, and only then reads the socket, once.
func (s *tlsStream) Read(b []byte) (int, error) {
	if n, err := s.records.Read(b); n > 0 || err != nil || s.records.Buffered() {
		return n, err
	}
	buf := receiveBuffers.Get().(*[readSize]byte)
	defer receiveBuffers.Put(buf)
	n, err := s.rawStream.Read(buf[:])
	if n == 0 {
		if err == io.EOF && s.records.MidRecord() { //nolint:errorlint // of recvError
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	s.records.Feed(buf[:n])
	return s.records.Read(b)
}

// sealBuffers are for records of single frames.
var sealBuffers = sync.Pool{New: func() any { return new([]byte) }}

// Send encrypts b and sends the records.
func (s *tlsStream) Send(b []byte) error {
	buf := sealBuffers.Get().(*[]byte)
	defer sealBuffers.Put(buf)
	sealed, err := s.records.Seal((*buf)[:0], b)
	*buf = sealed[:0]
	if err != nil {
		return err
	}
	return s.rawStream.Send(sealed)
}

// Shutdown sends the TLS alert that ends the connection behind the last frame, or
// neither: a record may only follow whole ones.
func (s *tlsStream) Shutdown(lastFrame []byte) {
	if lastFrame != nil && !s.Pending() {
		sealed, err := s.records.Seal(nil, lastFrame)
		if lastFrame = s.records.CloseNotify(sealed); err != nil {
			lastFrame = nil
		}
	}
	s.rawStream.Shutdown(lastFrame)
	s.records.Release()
}

// Abort sends no frame: the owner alone can encrypt. A client that comes back learns
// why.
func (s *tlsStream) Abort([]byte) { s.rawStream.Abort(nil) }

const (
	// maxAnswers is the most that the TLS layer may have written by itself for a client
	// that does not receive it, in bytes. An answer to a change of keys has 27.
	maxAnswers = 4 << 10
)

// errAnswers ends the connection of a client that goes on asking for answers.
var errAnswers = errors.New("ws: the client does not receive the answers of TLS")

// sendAnswer sends records that belong to no frame. Behind unsent bytes they are kept,
// up to maxAnswers.
func sendAnswer(s Stream, b []byte) error {
	raw := rawOf(s)
	if !raw.Pending() {
		return raw.Send(b)
	}
	u := raw.unsent
	if u.answers += len(b); u.answers > maxAnswers {
		return errAnswers
	}
	rest := append(append([]byte(nil), u.b[u.sent:]...), b...)
	u.b, u.sent = keepBytes(u.b, rest), 0
	return nil
}
