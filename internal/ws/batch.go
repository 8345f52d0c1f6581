package ws

// Batch is frames for many connections that go out together. Between two system
// calls the kernel has pushed most of a program out of the processor's nearest
// caches and out of what it foresees; so all calls are made in one short loop,
// and what is to be done before and after each is done for all in loops of its
// own.
//
// It is used again and again: Add, Send, Sent for each in the order in which they
// were added, Clear. A connection may be in it once.
type Batch struct{ letters []letter }

// letter is what one connection is to send.
type letter struct {
	conn  *Conn
	raw   *Conn // conn, if it takes part in the loop
	b     []byte
	taken int
	err   error
	fd    int
}

// Sent is what became of frames: whether they were taken, how many bytes the
// connection took, its own frames included, and whether it is blocked now. Err
// says why the connection ended, as that of Conn's methods does; a write that
// failed leaves it blocked.
type Sent struct {
	Taken, Blocked bool
	Bytes          int
	Err            error
}

// Add adds whole frames for a connection, at most [MaxWrite] bytes, which must
// not change until Clear.
func (b *Batch) Add(c *Conn, frames []byte) {
	b.letters = append(b.letters, letter{conn: c, b: frames})
}

// Send sends everything.
func (b *Batch) Send() {
	for i := range b.letters {
		l := &b.letters[i]
		if c := l.conn; c.writable() && len(l.b) <= MaxWrite {
			l.raw, l.fd = c, int(c.fd)
		}
	}
	writeRaw(b.letters)
}

// Sent returns what became of what was added as number i.
func (b *Batch) Sent(i int, now int64) Sent {
	l := &b.letters[i]
	if l.raw == nil {
		return l.alone(now)
	}
	c := l.raw
	if l.err != nil {
		c.writeFailed(now, l.err)
		return Sent{Blocked: true}
	}
	if l.taken < len(l.b) {
		keepUnsent(c.stream, l.b[l.taken:])
	}
	c.wrote(now, len(l.b))
	return Sent{Taken: true, Blocked: c.blockedSince != 0, Bytes: len(l.b)}
}

// alone writes to a connection that has something else to send first, or no raw
// descriptor.
func (l *letter) alone(now int64) (s Sent) {
	before := l.conn.BytesOut()
	s.Taken, s.Err = l.conn.Write(now, l.b)
	s.Blocked, s.Bytes = l.conn.Blocked(), int(l.conn.BytesOut()-before)
	return s
}

// Clear forgets everything, so that nothing stays of connections that end.
func (b *Batch) Clear() {
	clear(b.letters)
	b.letters = b.letters[:0]
}
