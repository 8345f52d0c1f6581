package ws

import "slices"

// Sender is given the outcome of what a [WriteBatch] sent for it.
type Sender interface{ Sent(Sent) }

// Sent is the outcome of a write.
type Sent struct {
	Taken   bool  // the frames were taken
	Blocked bool  // as of [Conn.Blocked]
	Bytes   int   // that the connection took, its own frames included
	Err     error // why the connection ended, nil while it is open
}

// WriteBatch writes frames to many connections in one loop of system calls, for
// the reason that [ReadBatch] gives. It owns the memory that frames are built in.
//
// A connection may be in it once. The zero value is ready for use. Not safe for
// concurrent use; owned by the goroutine that writes with it.
type WriteBatch struct {
	slab   []byte
	writes []write
}

// writeBatchSize is how many bytes are written in one loop. Building and writing
// frames by turns would evict either's data from the processor's caches; much more
// than this would itself be evicted by the time it is written.
const writeBatchSize = 512 << 10

// write is one connection's part of a batch.
type write struct {
	conn   *Conn
	sender Sender
	inLoop bool
	fd     int
	b      []byte
	taken  int   // by the loop
	err    error // of the loop
}

// Room returns n bytes of b's memory, at least one, to build frames in by
// appending to them. They are valid until the next call of Add, which gets what
// became of them.
func (b *WriteBatch) Room(n int) []byte {
	used := len(b.slab)
	b.slab = slices.Grow(b.slab, n)
	return b.slab[used : used+n]
}

// Add adds whole frames for a connection, at most [MaxWrite] bytes: buf, which was
// built in Room, from its byte number from on. A batch that is full writes.
func (b *WriteBatch) Add(now int64, c *Conn, s Sender, buf []byte, from int) {
	used := len(b.slab)
	if &buf[0] == &b.slab[: used+1 : used+1][used] {
		b.slab = b.slab[:used+len(buf)]
	} else { // appending has moved it; frames that were added before stay where they are
		b.slab = append(b.slab, buf...)
	}
	b.writes = append(b.writes, write{conn: c, sender: s, b: b.slab[used+from:]})
	if len(b.slab) >= writeBatchSize {
		b.Run(now)
	}
}

// Run writes what was added, and empties b.
func (b *WriteBatch) Run(now int64) {
	if len(b.writes) == 0 {
		return
	}
	for i := range b.writes {
		w := &b.writes[i]
		w.inLoop, w.fd = w.conn.writable() && len(w.b) <= MaxWrite, int(w.conn.fd)
	}
	writeLoop(b.writes)
	for i := range b.writes {
		w := &b.writes[i]
		w.sender.Sent(w.sent(now))
	}
	clear(b.writes) // keeps no connection that ends
	b.writes, b.slab = b.writes[:0], b.slab[:0]
}

// sent notes in the connection what the loop has written. A connection that could
// not take part in it is written to here.
func (w *write) sent(now int64) Sent {
	c := w.conn
	switch {
	case !w.inLoop:
		before := c.bytesOut
		taken, err := c.Write(now, w.b)
		return Sent{Taken: taken, Blocked: c.Blocked(), Bytes: int(c.bytesOut - before), Err: err}
	case w.err != nil:
		c.writeFailed(now, w.err)
		return Sent{Blocked: true}
	case w.taken < len(w.b):
		keepUnsent(c.stream, w.b[w.taken:])
	}
	c.wrote(now, len(w.b))
	return Sent{Taken: true, Blocked: c.blockedSince != 0, Bytes: len(w.b)}
}
