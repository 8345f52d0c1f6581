package ws

// Intake reads many connections together, for the reason that [Batch] gives: all
// sockets are read in one short loop, into one piece of memory, and then what
// came is handed on.
//
// It is used again and again: Add at most [IntakeRoom] connections, Read, Take
// for each in the order in which they were added, Clear. A connection may be in it
// once.
type Intake struct {
	visits []visit
	buf    []byte
}

// IntakeRoom is how many connections an Intake is for.
const IntakeRoom = 64

const (
	// intakeSize leaves room for a few who send much.
	intakeSize = 4 * scratchSize
	// intakeShare is what is left at least for a connection; where there is less
	// room, it is read on its own.
	intakeShare = 1 << 10
)

// visit is what one connection was read.
type visit struct {
	conn *Conn
	raw  *Conn // conn, if it takes part in the loop
	b    []byte
	err  error
}

// Taken is what came from a connection: how many bytes, when it was last heard,
// and whether it is blocked. Err says why it ended, as that of Poll does.
type Taken struct {
	Bytes        int
	LastReceived int64
	Blocked      bool
	Err          error
}

// Add adds a connection that is to be read.
func (n *Intake) Add(c *Conn) { n.visits = append(n.visits, visit{conn: c}) }

// Read reads every connection.
func (n *Intake) Read() {
	if n.buf == nil {
		n.buf = make([]byte, intakeSize)
	}
	for i := range n.visits {
		v := &n.visits[i]
		if c := v.conn; c.readable() {
			v.raw = c
		}
	}
	readRaw(n.visits, n.buf)
}

// readable reports whether the descriptor may be read into any memory: nothing that
// came earlier is waiting, and no write has failed.
func (c *Conn) readable() bool {
	return c.fd >= 0 && c.ended == nil && !c.unread && (c.carry == nil || len(c.carry.partial) == 0 && c.carry.writeErr == nil)
}

// Take hands what number i has sent to h, as Poll does; it may have to read more,
// with the scratch.
func (n *Intake) Take(i int, now int64, s *Scratch, h Handler) Taken {
	v := &n.visits[i]
	if v.raw == nil {
		return v.alone(now, s, h)
	}
	c := v.raw
	err := c.received(v.b, v.err, now, s, h)
	return Taken{Bytes: len(v.b), LastReceived: c.lastReceived, Blocked: c.blockedSince != 0 && c.Blocked(), Err: err}
}

// alone polls a connection of which a part came before, or that has no raw
// descriptor.
func (v *visit) alone(now int64, s *Scratch, h Handler) (t Taken) {
	before := v.conn.BytesIn()
	t.Err = v.conn.Read(now, s, h)
	t.Bytes, t.LastReceived, t.Blocked = int(v.conn.BytesIn()-before), v.conn.LastReceived(), v.conn.Blocked()
	return t
}

// received takes what a connection has sent.
func (c *Conn) received(b []byte, readErr error, now int64, s *Scratch, h Handler) error {
	if len(b) > 0 || c.lastReceived == 0 {
		c.lastReceived = now
	}
	if len(b) > 0 {
		c.bytesIn += uint64(len(b))
		used, err := c.parse(&s.parser, b, h)
		if err != nil {
			return err
		}
		if used < len(b) {
			c.keep(b[used:])
		}
	}
	if readErr != nil {
		return c.fail(readErr)
	}
	c.sendPong(now)
	return nil
}

// Clear forgets everything, so that nothing stays of connections that end.
func (n *Intake) Clear() {
	clear(n.visits)
	n.visits = n.visits[:0]
}
