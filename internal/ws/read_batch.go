package ws

// Receiver receives the messages of a connection.
type Receiver interface {
	// Message receives one binary message, valid until it returns. It may call
	// Write and Close of the connection. An error ends the connection: a
	// *CloseError with its code and reason, any other with 1011.
	Message(payload []byte) error
	// Received is called once per read, after the last message.
	Received(Received)
}

// Received is the result of a read.
type Received struct {
	Bytes        int
	LastReceived int64 // as of [Conn.LastReceived]
	Blocked      bool  // as of [Conn.Blocked]
	// Err is why the connection ended, nil while it is open.
	Err error
}

// ReadBatch reads many connections in one loop of system calls, into one piece of
// memory, and passes on the messages afterwards. A system call evicts the program from
// the processor's caches. The loop pays for that once instead of once per connection
// (docs/adr/0010-calls-in-loops.md). Bytes of TLS are decrypted where they lie, after the
// loop (docs/adr/0019-tls-at-the-tick.md).
//
// A connection may be in it once. The zero value is ready for use. Not safe for
// concurrent use; owned by the goroutine that reads with it.
type ReadBatch struct {
	visits []visit
	packed []byte // for the loop: the data of one connection after that of another
	single []byte // for connections that are read by themselves
	parser frameParser
}

const (
	// readBatchRoom is how many connections are read in one loop.
	readBatchRoom = 64
	// packedSize leaves room for a few clients that send much.
	packedSize = 4 * readSize
	// packedShare is the least room for a connection; where less is left, it is
	// read by itself.
	packedShare = 1 << 10
)

// visit is one connection's part of a batch.
type visit struct {
	conn     *Conn
	receiver Receiver
	inLoop   bool
	b        []byte // read by the loop
	err      error  // of the loop
}

// Add adds a connection. A full batch reads.
func (b *ReadBatch) Add(now int64, c *Conn, r Receiver) {
	b.visits = append(b.visits, visit{conn: c, receiver: r})
	if len(b.visits) == readBatchRoom {
		b.Run(now)
	}
}

// Run reads every connection that was added, and empties b.
func (b *ReadBatch) Run(now int64) {
	if len(b.visits) == 0 {
		return
	}
	if b.packed == nil {
		b.packed = make([]byte, packedSize)
	}
	for i := range b.visits {
		v := &b.visits[i]
		v.inLoop = v.conn.readable()
	}
	readLoop(b.visits, b.packed)
	for i := range b.visits {
		v := &b.visits[i]
		c := v.conn
		if !v.inLoop {
			c.Read(now, b, v.receiver)
			continue
		}
		if c.records != nil && len(v.b) > 0 {
			n, err := c.records.Open(v.b)
			v.b, v.err = v.b[:n:n], err
		}
		used, err := c.deliver(now, v.b, len(v.b), &b.parser, v.receiver)
		if err == nil {
			err = c.endRead(now, v.b[used:], v.err)
		}
		v.receiver.Received(Received{
			Bytes: len(v.b), LastReceived: c.lastReceived, Blocked: c.blockedSince != 0 && c.Blocked(), Err: err,
		})
	}
	clear(b.visits) // keeps no connection that ends
	b.visits = b.visits[:0]
}

// readable reports whether the loop may read the descriptor: no incomplete frame or
// record is kept, and no write has failed.
func (c *Conn) readable() bool {
	return c.fd >= 0 && c.ended == nil && !c.unread &&
		(c.carry == nil || len(c.carry.partial) == 0 && c.carry.writeErr == nil) &&
		(c.records == nil || c.records.Resting())
}

// room returns memory for two frames of a connection's longest message, one of
// them incomplete.
func (b *ReadBatch) room(maxMessage int) []byte {
	need := max(readSize, 2*(headerMax+maxMessage))
	if len(b.single) < need {
		b.single = make([]byte, need)
	}
	return b.single[:need]
}
