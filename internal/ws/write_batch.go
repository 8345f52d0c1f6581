package ws

import "slices"

// Sender receives the results of a [WriteBatch].
type Sender interface{ Sent(Sent) }

// Sent is the result of a write.
type Sent struct {
	Taken   bool // the frames were accepted
	Blocked bool // as of [Conn.Blocked]
	Bytes   int  // that the connection accepted, pongs included
	// Err is why the connection ended, nil while it is open.
	Err error
}

// WriteBatch writes frames to many connections in one loop of system calls, for the
// reason given at [ReadBatch]. It owns the memory in which frames are built.
//
// A connection may be in it once. The zero value is ready for use. Not safe for
// concurrent use; owned by the goroutine that writes with it.
type WriteBatch struct {
	slab   []byte
	sealed []byte // records of TLS
	writes []write
}

// writeBatchSize is how many bytes are written in one loop. Building and writing frames
// alternately would evict the data of both from the processor's caches. A much larger
// batch would evict its own frames before they are written.
const writeBatchSize = 512 << 10

// write is one connection's part of a batch.
type write struct {
	conn   *Conn
	sender Sender
	inLoop bool
	fd     int
	b      []byte // the frames; in the loop with TLS their records
	size   int    // of the frames
	taken  int    // of b, by the loop
	err    error  // of the loop, or of TLS
}

// Room returns n bytes of b's memory, at least one. The caller builds frames by
// appending to them, and passes the result to Add.
func (b *WriteBatch) Room(n int) []byte {
	used := len(b.slab)
	b.slab = slices.Grow(b.slab, n)
	return b.slab[used : used+n]
}

// Add adds frames for a connection, at most [MaxWrite] bytes: those at buf[from:], where
// buf was built in Room. A full batch writes.
func (b *WriteBatch) Add(now int64, c *Conn, s Sender, buf []byte, from int) {
	used := len(b.slab)
	if &buf[0] == &b.slab[: used+1 : used+1][used] {
		b.slab = b.slab[:used+len(buf)]
	} else { // appending has moved it; earlier frames stay where they are
		b.slab = append(b.slab, buf...)
	}
	b.writes = append(b.writes, write{conn: c, sender: s, b: b.slab[used+from:], size: len(b.slab) - used - from})
	if len(b.slab) >= writeBatchSize {
		b.Run(now)
	}
}

// Run writes everything that was added, and empties b.
func (b *WriteBatch) Run(now int64) {
	if len(b.writes) == 0 {
		return
	}
	for i := range b.writes {
		w := &b.writes[i]
		w.inLoop, w.fd = w.conn.writable() && w.size <= MaxWrite, int(w.conn.fd)
		if w.inLoop && w.conn.records != nil {
			b.seal(w)
		}
	}
	writeLoop(b.writes)
	for i := range b.writes {
		w := &b.writes[i]
		w.sender.Sent(w.sent(now))
	}
	clear(b.writes) // keeps no connection that ends
	b.writes, b.slab, b.sealed = b.writes[:0], b.slab[:0], b.sealed[:0]
}

// seal encrypts the frames. Only frames that the loop writes are encrypted: those of a
// blocked connection are dropped for newer ones, and a record can't be.
func (b *WriteBatch) seal(w *write) {
	used := len(b.sealed)
	b.sealed, w.err = w.conn.records.Seal(b.sealed, w.b)
	w.b = b.sealed[used:]
	w.inLoop = w.err == nil
}

// sent records the result of the loop in the connection. A connection that was not
// written in the loop is written here.
func (w *write) sent(now int64) Sent {
	c := w.conn
	switch {
	case w.err != nil:
		c.writeFailed(now, w.err)
		return Sent{Blocked: true}
	case !w.inLoop:
		before := c.bytesOut
		taken, err := c.Write(now, w.b)
		return Sent{Taken: taken, Blocked: c.Blocked(), Bytes: int(c.bytesOut - before), Err: err}
	case w.taken < len(w.b):
		keepUnsent(c.stream, w.b[w.taken:])
	}
	c.wrote(now, w.size)
	return Sent{Taken: true, Blocked: c.blockedSince != 0, Bytes: w.size}
}

// wrote records that the stream accepted n bytes.
func (c *Conn) wrote(now int64, n int) {
	c.bytesOut += uint64(n)
	if c.stream.Pending() {
		c.blockedSince = now
	}
}
