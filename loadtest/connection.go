package loadtest

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// connection is one connection of a bot to a match, from the welcome on. It belongs
// to the loop that serves it, which is the only one to call its methods; times
// are nanoseconds on the run's clock.
type connection struct {
	visit  *visit
	meter  *meter
	out    outlet
	inputs inputGenerator
	rand   random
	slow   Slowness // empty: none, see [Config.SlowReaders]
	woke   int64
	waited int64 // snapshots that were waiting when it began to read again
	copy   *protocol.Replica
	resync bool // a keyframe was asked for and has not come

	period int64 // per tick
	every  int64 // ticks per snapshot
	due    int64 // when the next input is to be sent
	number int32 // in its loop's queue

	tick    uint32 // of the newest snapshot, or of the welcome
	tickAt  int64  // when that came
	aimed   uint32 // newest tick that an input was for
	margin   int64  // how long before its tick an input has to be there
	acked   uint32 // newest input that a snapshot has confirmed
	dueAt   [maxUnconfirmed]int64
	over    bool   // the match has a result; what follows is not measured
	overdue bool   // what is received was read later than it should have been
	behind  int64  // snapshots that are to come of those that were read at once
	apart   int64  // how far apart they are taken to be, 0: each came when it is said
	partial []byte // an incomplete frame

	ended chan ending // takes one value, when the loop lets go of the link
}

// maxUnconfirmed is how many inputs are remembered until a snapshot confirms them:
// 2 s of them at the highest tick rate.
const maxUnconfirmed = 256

// ending says how a connection ended.
type ending struct {
	code protocol.CloseCode // of the close frame, 0 without one
	err  error              // what else went wrong, nil after a close frame
	over bool               // the match had a result
}

// outlet takes a link's frames to its socket.
type outlet interface {
	// send takes one frame, in full or not at all (false): an input that finds
	// the socket full is dropped, for the next one is newer. The bytes are the
	// caller's again when it returns.
	send(frame []byte) bool
	// post sends a frame like send, together with others if that is cheaper; one
	// that is dropped is counted in the loop's meter.
	post(frame []byte)
}

func newConnection(w *protocol.Welcome, s *visit, m *meter, r random, verify bool, now int64) *connection {
	l := &connection{
		visit: s, meter: m, rand: r,
		period: int64(time.Second) / int64(w.Rate), every: int64(w.Every),
		tick: w.Tick, tickAt: now, aimed: w.Tick, acked: s.seq,
		ended: make(chan ending, 1),
	}
	l.inputs = newInputGenerator(&w.Schema.Input, w.Rate, &l.rand)
	// Inputs of different bots are spread over the tick, as those of people are.
	l.due = now + int64(l.rand.below(uint32(l.period)))
	if verify {
		l.copy = protocol.NewReplica(w.Schema)
	}
	return l
}

// receive takes what came from the socket. It reports false when the connection
// is over. The bytes of an incomplete frame are copied.
func (l *connection) receive(data []byte, now int64) (end ending, open bool) {
	l.meter.bytes(l, len(data), now)
	if len(l.partial) > 0 {
		l.partial = append(l.partial, data...)
		data = l.partial
	}
	l.spread(data, now)
	for {
		f, rest, complete, err := cutFrame(data)
		if err != nil {
			return ending{err: err}, false
		}
		if !complete {
			l.partial = append(l.partial[:0], data...)
			return ending{}, true
		}
		if end, open = l.take(f, now); !open {
			end.over = l.over
			return end, false
		}
		data = rest
	}
}

// spread is for data that the load tester was too late to read. Only of the newest
// bytes it is known when they came; of several snapshots the others are taken to
// have come evenly since the last one, for to say that they came together would
// make gaps of the load tester's own delay. The meter counts them. Where the read
// was in time, they did come together.
func (l *connection) spread(data []byte, now int64) {
	if l.apart = 0; !l.overdue {
		return
	}
	n := int64(0)
	for {
		f, rest, complete, err := cutFrame(data)
		if err != nil || !complete {
			break
		}
		if kind, err := protocol.Type(f.payload); f.op == ws.OpBinary && err == nil && kind == protocol.TypeSnapshot {
			n++
		}
		data = rest
	}
	if n > 1 {
		l.behind, l.apart = n-1, (now-l.tickAt)/n
	}
}

// arrival is when the next of several snapshots came.
func (l *connection) arrival(now int64) int64 {
	if l.apart == 0 || l.behind == 0 {
		return now
	}
	now -= l.behind * l.apart
	l.behind--
	l.meter.estimate(l, now)
	return now
}

func (l *connection) take(f frame, now int64) (end ending, open bool) {
	switch f.op {
	case ws.OpBinary:
		if err := l.message(f.payload, now); err != nil {
			return ending{err: err}, false
		}
		return ending{}, true
	case ws.OpPing:
		l.control(ws.OpPong, f.payload)
		return ending{}, true
	case ws.OpPong:
		return ending{}, true
	case ws.OpClose:
		l.control(ws.OpClose, f.payload)
		code := protocol.CloseCode(ws.StatusNoStatusRcvd)
		if len(f.payload) >= 2 {
			code = protocol.CloseCode(binary.BigEndian.Uint16(f.payload))
		}
		return ending{code: code}, false
	default:
		return ending{err: errFrame}, false
	}
}

func (l *connection) control(op ws.OpCode, payload []byte) {
	var room [frameRoom + ws.MaxControlFramePayloadSize]byte
	b := append(beginFrame(room[:0]), payload...)
	l.out.send(b[endFrame(b, 0, op, l.rand.next()):])
}

func (l *connection) message(b []byte, now int64) error {
	kind, err := protocol.Type(b)
	if err != nil {
		return errors.Join(errMessage, err)
	}
	switch kind {
	case protocol.TypeSnapshot:
		return l.snapshot(b, now)
	case protocol.TypeResult:
		r, err := protocol.ParseResult(b)
		if err != nil {
			return errors.Join(errMessage, err)
		}
		if r.Over {
			l.over = true
			l.visit.end()
		}
	default: // names, chat and the like are of no interest to a bot
	}
	return nil
}

// errMessage is returned for a message that breaks the contract.
var errMessage = errors.New("loadtest: the server sent a bad message")

func (l *connection) snapshot(b []byte, now int64) error {
	h, err := protocol.ParseSnapshotHeader(b)
	if err != nil {
		return errors.Join(errMessage, err)
	}
	now = l.arrival(now)
	if l.copy != nil {
		if err := l.verify(b); err != nil {
			return err
		}
	}
	if !l.over {
		l.meter.snapshot(l, &h, now)
		l.confirm(h.Ack, now)
	}
	l.tick, l.tickAt = h.Tick, now
	l.adjustMargin(h.Slack)
	return nil
}

// verify applies a snapshot to the bot's copy of the state and compares hashes.
// A difference is counted, and mended by a keyframe.
func (l *connection) verify(b []byte) error {
	m := l.meter
	if err := protocol.ParseSnapshot(b, &m.parsed); err != nil {
		return errors.Join(errMessage, err)
	}
	if l.resync && m.parsed.Flags&protocol.FlagKeyframe == 0 {
		return nil
	}
	l.resync = false
	err := l.copy.Apply(&m.parsed)
	l.visit.events = max(l.visit.events, l.copy.EventSeq())
	differs := err == nil && m.parsed.Flags&protocol.FlagHash != 0 && l.copy.Hash() != m.parsed.Hash
	m.verified(&m.parsed, err, differs)
	if err != nil || differs {
		m.frame = protocol.AppendResync(beginFrame(m.frame[:0]))
		l.resync = l.sendFrame()
	}
	return nil
}

// confirm measures the echo of every input that the snapshot is the first to
// confirm, from when the input was due: a generator that came late to send it
// made the player wait all the same.
func (l *connection) confirm(ack uint32, now int64) {
	if ack <= l.acked || ack > l.visit.seq {
		return
	}
	for seq := max(l.acked+1, ack-min(ack, maxUnconfirmed-1)); seq <= ack; seq++ {
		l.meter.echo(l, now-l.dueAt[seq%maxUnconfirmed], now)
	}
	l.acked = ack
}

// adjustMargin moves the moment from which on an input is for the next tick but one: an
// eighth of a tick earlier when inputs come too late, and slowly back.
func (l *connection) adjustMargin(slack int32) {
	switch {
	case slack < 0:
		l.margin = min(l.margin+l.period/8, l.period)
	case slack > 0:
		l.margin -= l.margin / 128
	}
}

// maxAhead bounds how far ahead of the newest snapshot inputs are, in ticks:
// where snapshots stay away, the bot does not run on alone.
const maxAhead = 8

// nextTick is the tick that an input sent now is for: the first one that it
// still reaches.
func (l *connection) nextTick(now int64) uint32 {
	ahead := min((now-l.tickAt+l.margin)/l.period, maxAhead)
	l.aimed = max(l.aimed, l.tick+1+uint32(max(ahead, 0)))
	return l.aimed
}

// play sends the input that is due and sets when the next one is. Inputs whose
// time has passed altogether are not made up for: their ticks are gone.
func (l *connection) play(now int64) {
	m := l.meter
	m.late(now-l.due, now)
	l.visit.seq++
	l.dueAt[l.visit.seq%maxUnconfirmed] = l.due
	h := protocol.InputHeader{Seq: l.visit.seq, Tick: l.nextTick(now), Lag: viewLag}
	m.frame = protocol.AppendInput(beginFrame(m.frame[:0]), h, l.inputs.next(&l.rand))
	l.out.post(l.endFrame())
	l.due += l.period
	if behind := now - l.due; behind > 0 {
		l.due += (behind/l.period + 1) * l.period
	}
}

// viewLag is the age of the picture that bots claim to act on: two ticks, which
// is what a client with a steady connection interpolates with.
const viewLag = 2 * 16

// leave says goodbye, so that the seat is free at once.
func (l *connection) leave() {
	l.meter.frame = protocol.AppendBye(beginFrame(l.meter.frame[:0]))
	l.sendFrame()
	l.control(ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
}

// sendFrame sends the message that was begun in the meter's frame.
func (l *connection) sendFrame() bool { return l.out.send(l.endFrame()) }

func (l *connection) endFrame() []byte {
	b := l.meter.frame
	return b[endFrame(b, 0, ws.OpBinary, l.rand.next()):]
}
