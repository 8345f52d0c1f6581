//go:build linux

package clients

import (
	"context"
	"errors"

	"github.com/gobwas/ws"

	"tactus/loadtest/internal/engine"
	"tactus/loadtest/internal/frame"
	"tactus/loadtest/internal/random"
)

// Client is one client. It is not safe for concurrent use; owned by the engine that
// serves it, and by its dialect until it has entered.
type Client struct {
	Index int
	Slot  int // what its dialect knows of its place in the match, -1 at first

	run  *run
	out  engine.Sender
	rand random.Source
	// due is when the next input is due.
	due      int64
	partial  []byte
	arrivals engine.Arrivals

	// choices counts the inputs left until the client changes its direction.
	choices int
	dir     int
	aim     int
	turn    int
	seq     uint8
	acked   uint8
	sentAt  [256]int64
	stateAt int64
	lost    bool // the connection ended before the test
}

// Direction returns the direction (1 to 256) and aim (0 to 65535) of the next input.
func (c *Client) Direction() (dir, aim int) { return c.dir, c.aim }

// choose does what the load tester's bots do: another direction each second, and an
// aim that turns a little with every input.
func (c *Client) choose(rate int) {
	const fullTurn, maxTurn = 1 << 16, 512
	if c.choices--; c.choices < 0 {
		c.choices = rate - 1
		c.dir = 1 + int(c.rand.Below(256))
		c.aim = int(c.rand.Below(fullTurn))
		c.turn = int(c.rand.Below(2*maxTurn)) - maxTurn
	}
	c.aim = (c.aim + c.turn + fullTurn) % fullTurn
}

// SendFrame sends a frame outside the schedule. One that finds the socket full is dropped.
func (c *Client) SendFrame(op ws.OpCode, payload []byte) {
	c.out.Send(clientFrame(append(frame.Begin(nil), payload...), op, c.rand.Next()))
}

// InputDue returns when the next input is due.
func (c *Client) InputDue() int64 { return c.due }

// SendInput sends the input that is due. Inputs whose period has passed altogether
// are not made up for.
func (c *Client) SendInput(now int64) {
	r, due := c.run, c.due
	c.due += r.period
	if behind := now - c.due; behind > 0 {
		c.due += (behind/r.period + 1) * r.period
	}
	c.choose(r.cfg.Rate)
	b, ok := r.cfg.Dialect.Input(frame.Begin(r.scratch[:0]), c, c.seq+1)
	r.scratch = b
	if !ok {
		return
	}
	c.seq++
	c.sentAt[c.seq] = due
	if r.measuring.Load() {
		r.meter.lateness.Record(now - due)
	}
	c.out.Post(clientFrame(b, ws.OpBinary, c.rand.Next()))
}

// InputDropped counts an input that found the socket full.
func (c *Client) InputDropped(int64) {
	if c.run.measuring.Load() {
		c.run.meter.dropped++
	}
}

// Newest returns when the newest state arrived.
func (c *Client) Newest() (at, period int64) { return c.stateAt, c.run.period }

// Receive handles bytes of the server. The bytes of an incomplete frame are copied.
func (c *Client) Receive(data []byte, at int64, late bool) (open bool) {
	measuring := c.run.measuring.Load()
	if measuring {
		c.run.meter.bytes += int64(len(data))
	}
	if len(c.partial) > 0 {
		c.partial = append(c.partial, data...)
		data = c.partial
	}
	messages := int64(0)
	if late && c.stateAt != 0 {
		messages = countMessages(data)
	}
	c.arrivals.Begin(messages, c.stateAt, at)
	for {
		f, rest, complete, err := frame.Cut(data)
		if err != nil {
			return false
		}
		if !complete {
			c.partial = append(c.partial[:0], data...)
			return true
		}
		arrived := at
		if isMessage(f) {
			var estimated bool
			if arrived, estimated = c.arrivals.Next(at); estimated && measuring {
				c.run.meter.estimated++
			}
		}
		if !c.handle(f, arrived) {
			return false
		}
		data = rest
	}
}

func isMessage(f frame.Frame) bool { return f.Op == ws.OpBinary || f.Op == ws.OpText }

// countMessages returns how many whole messages there are.
func countMessages(data []byte) (n int64) {
	for {
		f, rest, complete, err := frame.Cut(data)
		if err != nil || !complete {
			return n
		}
		if isMessage(f) {
			n++
		}
		data = rest
	}
}

func (c *Client) handle(f frame.Frame, now int64) (open bool) {
	switch f.Op {
	case ws.OpText, ws.OpBinary:
		got, reply := c.run.cfg.Dialect.Message(c, f.Op == ws.OpText, f.Payload)
		if reply != nil {
			c.SendFrame(f.Op, reply)
		}
		if got.Is {
			c.state(got, now)
		}
		return true
	case ws.OpPing:
		c.SendFrame(ws.OpPong, f.Payload)
		return true
	case ws.OpPong:
		return true
	default:
		return false
	}
}

// state measures a state. A late one counts as a gap for each state that was due
// before it.
func (c *Client) state(got State, now int64) {
	m, measuring := &c.run.meter, c.run.measuring.Load()
	if measuring {
		m.states++
		if c.stateAt != 0 {
			m.gaps.RecordGap(now-c.stateAt, c.run.period)
		}
	}
	c.stateAt = now
	for got.Echoes && c.acked != got.Ack {
		c.acked++
		if sent := c.sentAt[c.acked]; measuring && sent != 0 {
			m.echoes.Record(now - sent)
		}
	}
}

// Goodbye says nothing: the connection is closed.
func (c *Client) Goodbye() (wait bool) { return false }

// Ended notes a connection that the engine did not close itself.
func (c *Client) Ended(err error) { c.lost = !errors.Is(err, context.Canceled) }
