package loadtest

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/gobwas/ws"

	"tactus/loadtest/internal/engine"
	"tactus/loadtest/internal/frame"
	"tactus/loadtest/internal/random"
	"tactus/protocol"
)

// connection is one connection of a bot to a match, from the welcome on. It is not
// safe for concurrent use; owned by the engine that serves it, which calls its
// exported methods. Times are nanoseconds of the run's clock.
type connection struct {
	visit  *visit
	meter  *meter
	out    engine.Sender
	inputs inputGenerator
	rand   random.Source
	slow   *engine.SlowReading // nil: reads in time, see [Config.SlowReaders]
	copy   *protocol.Replica
	// resync means that a keyframe was requested and has not come.
	resync bool

	period int64 // per tick
	// every is the number of ticks per snapshot.
	every int64
	due   int64 // when the next input is due

	tick   uint32 // of the newest snapshot, or of the welcome
	tickAt int64  // when that arrived
	// aimed is the newest tick that an input was for.
	aimed    uint32
	margin   int64  // how long before its tick an input has to arrive
	acked    uint32 // newest input that a snapshot has confirmed
	dueAt    [maxUnconfirmed]int64
	over     bool // the match has a result; what follows is not measured
	arrivals engine.Arrivals
	partial  []byte // an incomplete frame

	// resumed identifies the slow reading that waiting belongs to.
	resumed int64
	waiting int64 // snapshots that were waiting when the client began to read again

	end ending
	// ended receives one value, when the engine lets go of the connection.
	ended chan ending
}

// maxUnconfirmed is how many inputs are remembered until a snapshot confirms them:
// 2 s of them at the highest tick rate.
const maxUnconfirmed = 256

// ending says how a connection ended.
type ending struct {
	code protocol.CloseCode // of the close frame, 0 without one
	// err is what else went wrong, nil after a close frame.
	err  error
	over bool // the match had a result
}

func newConnection(w *protocol.Welcome, v *visit, m *meter, r random.Source, verify bool, now int64) *connection {
	c := &connection{
		visit: v, meter: m, rand: r,
		period: int64(time.Second) / int64(w.Rate), every: int64(w.Every),
		tick: w.Tick, tickAt: now, aimed: w.Tick, acked: v.seq,
		ended: make(chan ending, 1),
	}
	c.inputs = newInputGenerator(&w.Schema.Input, w.Rate, &c.rand)
	// Inputs of different bots are spread over the tick, as those of players are.
	c.due = now + int64(c.rand.Below(uint32(c.period)))
	if verify {
		c.copy = protocol.NewReplica(w.Schema)
	}
	return c
}

// InputDue returns when the next input is due.
func (c *connection) InputDue() int64 { return c.due }

// SendInput sends the input that is due and sets when the next one is. Inputs whose
// time has passed altogether are not made up for: their ticks are over.
func (c *connection) SendInput(now int64) {
	m := c.meter
	m.late(now-c.due, now)
	c.visit.seq++
	c.dueAt[c.visit.seq%maxUnconfirmed] = c.due
	h := protocol.InputHeader{Seq: c.visit.seq, Tick: c.nextTick(now), Lag: viewLag}
	m.frame = protocol.AppendInput(frame.Begin(m.frame[:0]), h, c.inputs.next(&c.rand))
	c.out.Post(c.endFrame())
	c.due += c.period
	if behind := now - c.due; behind > 0 {
		c.due += (behind/c.period + 1) * c.period
	}
}

// viewLag is the age of the picture that bots claim to act on: two ticks, which
// is what a client with a steady connection interpolates with.
const viewLag = 2 * 16

// maxAhead bounds how far ahead of the newest snapshot inputs are, in ticks: a bot
// without snapshots does not run on alone.
const maxAhead = 8

// nextTick returns the first tick that an input sent now still reaches.
func (c *connection) nextTick(now int64) uint32 {
	ahead := min((now-c.tickAt+c.margin)/c.period, maxAhead)
	c.aimed = max(c.aimed, c.tick+1+uint32(max(ahead, 0)))
	return c.aimed
}

// InputDropped counts an input that found the socket full.
func (c *connection) InputDropped(int64) { c.meter.dropped++ }

// Newest returns when the newest snapshot, or the welcome, arrived.
func (c *connection) Newest() (at, period int64) { return c.tickAt, c.period * c.every }

// Receive handles bytes of the server. It returns false when the connection is over.
// The bytes of an incomplete frame are copied.
func (c *connection) Receive(data []byte, at int64, late bool) (open bool) {
	c.meter.bytes(c, len(data), at)
	if len(c.partial) > 0 {
		c.partial = append(c.partial, data...)
		data = c.partial
	}
	snapshots := int64(0)
	if late {
		snapshots = countSnapshots(data)
	}
	c.arrivals.Begin(snapshots, c.tickAt, at)
	for {
		f, rest, complete, err := frame.Cut(data)
		if err != nil {
			c.end = ending{err: err}
			return false
		}
		if !complete {
			c.partial = append(c.partial[:0], data...)
			return true
		}
		if !c.handle(f, at) {
			return false
		}
		data = rest
	}
}

// countSnapshots returns how many whole snapshots there are.
func countSnapshots(data []byte) (n int64) {
	for {
		f, rest, complete, err := frame.Cut(data)
		if err != nil || !complete {
			return n
		}
		if kind, err := protocol.Type(f.Payload); f.Op == ws.OpBinary && err == nil && kind == protocol.TypeSnapshot {
			n++
		}
		data = rest
	}
}

func (c *connection) handle(f frame.Frame, now int64) (open bool) {
	switch f.Op {
	case ws.OpBinary:
		if err := c.message(f.Payload, now); err != nil {
			c.end = ending{err: err}
			return false
		}
		return true
	case ws.OpPing:
		c.sendControl(ws.OpPong, f.Payload)
		return true
	case ws.OpPong:
		return true
	case ws.OpClose:
		c.sendControl(ws.OpClose, f.Payload)
		c.end.code = protocol.CloseCode(ws.StatusNoStatusRcvd)
		if len(f.Payload) >= 2 {
			c.end.code = protocol.CloseCode(binary.BigEndian.Uint16(f.Payload))
		}
		return false
	default:
		c.end = ending{err: frame.ErrInvalid}
		return false
	}
}

func (c *connection) sendControl(op ws.OpCode, payload []byte) {
	var room [frame.Room + ws.MaxControlFramePayloadSize]byte
	b := append(frame.Begin(room[:0]), payload...)
	c.out.Send(b[frame.End(b, 0, op, c.rand.Next()):])
}

// errMessage is returned for a message that breaks the contract.
var errMessage = errors.New("loadtest: the server sent a bad message")

func (c *connection) message(b []byte, now int64) error {
	kind, err := protocol.Type(b)
	if err != nil {
		return errors.Join(errMessage, err)
	}
	switch kind {
	case protocol.TypeSnapshot:
		return c.snapshot(b, now)
	case protocol.TypeResult:
		r, err := protocol.ParseResult(b)
		if err != nil {
			return errors.Join(errMessage, err)
		}
		if r.Over {
			c.over = true
			c.visit.matchOver()
		}
	default: // bots ignore names, chat and the like
	}
	return nil
}

func (c *connection) snapshot(b []byte, now int64) error {
	h, err := protocol.ParseSnapshotHeader(b)
	if err != nil {
		return errors.Join(errMessage, err)
	}
	at, estimated := c.arrivals.Next(now)
	if estimated {
		c.meter.estimate(c, at)
	}
	if c.copy != nil {
		if err := c.verify(b); err != nil {
			return err
		}
	}
	if !c.over {
		c.meter.snapshot(c, &h, at)
		c.confirm(h.Ack, at)
	}
	c.tick, c.tickAt = h.Tick, at
	c.adjustMargin(h.Slack)
	return nil
}

// verify applies a snapshot to the bot's copy of the state and compares hashes. A
// difference is counted, and a keyframe is requested.
func (c *connection) verify(b []byte) error {
	m := c.meter
	if err := protocol.ParseSnapshot(b, &m.parsed); err != nil {
		return errors.Join(errMessage, err)
	}
	if c.resync && m.parsed.Flags&protocol.FlagKeyframe == 0 {
		return nil
	}
	c.resync = false
	err := c.copy.Apply(&m.parsed)
	c.visit.events = max(c.visit.events, c.copy.EventSeq())
	differs := err == nil && m.parsed.Flags&protocol.FlagHash != 0 && c.copy.Hash() != m.parsed.Hash
	m.verified(&m.parsed, err, differs)
	if err != nil || differs {
		m.frame = protocol.AppendResync(frame.Begin(m.frame[:0]))
		c.resync = c.out.Send(c.endFrame())
	}
	return nil
}

// confirm measures the echo of every input that the snapshot is the first to
// confirm, from when the input was due: if the load tester sent it late, the player
// has waited all the same.
func (c *connection) confirm(ack uint32, now int64) {
	if ack <= c.acked || ack > c.visit.seq {
		return
	}
	for seq := max(c.acked+1, ack-min(ack, maxUnconfirmed-1)); seq <= ack; seq++ {
		c.meter.echo(c, now-c.dueAt[seq%maxUnconfirmed], now)
	}
	c.acked = ack
}

// adjustMargin makes inputs arrive earlier when they come too late, by an eighth of a
// tick, and slowly takes that back.
func (c *connection) adjustMargin(slack int32) {
	switch {
	case slack < 0:
		c.margin = min(c.margin+c.period/8, c.period)
	case slack > 0:
		c.margin -= c.margin / 128
	}
}

// waited returns how many snapshots were waiting when a slow client began to read
// again, if one that arrives now is among them, else 0.
func (c *connection) waited(now int64) int64 {
	if c.slow.Resumed == 0 || now-c.slow.Resumed >= c.period {
		return 0
	}
	if c.resumed != c.slow.Resumed {
		c.resumed, c.waiting = c.slow.Resumed, 0
	}
	c.waiting++
	return c.waiting
}

// Goodbye says goodbye, so that the server frees the seat.
func (c *connection) Goodbye() (wait bool) {
	c.meter.frame = protocol.AppendBye(frame.Begin(c.meter.frame[:0]))
	c.out.Send(c.endFrame())
	c.sendControl(ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
	return true
}

// endFrame ends the message that was begun in the meter's frame.
func (c *connection) endFrame() []byte {
	b := c.meter.frame
	return b[frame.End(b, 0, ws.OpBinary, c.rand.Next()):]
}

// Ended sends how the connection ended.
func (c *connection) Ended(err error) {
	if err != nil {
		c.end = ending{err: err}
	}
	c.end.over = c.over
	c.ended <- c.end
}

// left reports whether the connection ended because the test did.
func (e *ending) left() bool {
	return e.code == protocol.CloseLeft || errors.Is(e.err, context.Canceled)
}
