package session

import (
	"time"

	"tactus/game"
	"tactus/internal/ws"
)

// Limits of the lag that a client may claim. The picture of others is older than an
// input's tick by the interpolation delay, the way there and back, and the time that the
// input waits (docs/protocol.md, section 8). The delay follows the jitter of snapshots,
// the wait that of inputs.
const (
	measureEvery = time.Second
	retryEvery   = 100 * time.Millisecond // until there is a first measurement
	// measured is how many measurements count.
	measured = 5
	// restTicks is what a client without jitter adds to round trip and snapshot
	// interval, rounded up: half a tick of delay, one and a quarter of lead.
	restTicks = 2
	// minLagTicks may always be claimed.
	minLagTicks = 3
	// maxInputJitter bounds what inputs that come irregularly add. A client can cause
	// that itself.
	maxInputJitter = 70 * time.Millisecond
	// maxRoundTrip is the longest that counts, in milliseconds.
	maxRoundTrip = 1000
)

// timing is what a session measures of its client's connection, once a second while
// inputs come. The round trip is the kernel's where the socket's peer is the client
// itself, else that of a ping.
type timing struct {
	next  int64            // when it is measured again
	bound uint8            // largest lag that is taken, in 1/16 ticks
	known bool             // a round trip was measured
	at    uint8            // of ages
	ages  [measured]uint16 // round trip and snapshot interval, in 1/16 ticks; a ring
	// early counts inputs by how early they came, in this period and the last.
	early [2][earlyBins]uint8
	ping  pingState
}

// pingState is a ping that measures, where the kernel does not.
type pingState struct {
	sent   int64 // 0: none waits for its pong
	tag    uint32
	queued bool
}

const (
	earlyBins = 32
	earliest  = earlyBins - 1 - mostLate
	mostLate  = 7 // ticks behind their own
	fullBin   = 255
	// periodSeconds is how long inputs are counted together.
	periodSeconds = 2
	jitterTail    = 32 // one input of so many may come earlier, one later, than jitter says
)

// arrived counts an input that came so many ticks before its own.
func (t *timing) arrived(early int64) {
	bin := &t.early[0][min(max(early, -mostLate), earliest)+mostLate]
	if *bin == fullBin {
		for i := range t.early[0] {
			t.early[0][i] /= 2
		}
	}
	*bin++
}

// jitter is by how many ticks the inputs of the last periods came more or less early,
// except for a few.
func (t *timing) jitter() int {
	total := 0
	for i := range earlyBins {
		total += int(t.early[0][i]) + int(t.early[1][i])
	}
	first, last, tail := 0, earlyBins-1, total/jitterTail
	for n := 0; first < last; first++ {
		if n += int(t.early[0][first]) + int(t.early[1][first]); n > tail {
			break
		}
	}
	for n := 0; last > first; last-- {
		if n += int(t.early[0][last]) + int(t.early[1][last]); n > tail {
			break
		}
	}
	return last - first
}

// add adds a measurement of the round trip, 0 if there is none, and computes the bound.
func (t *timing) add(roundTrip time.Duration, every, rate int) {
	t.at = (t.at + 1) % measured
	if t.at%periodSeconds == 0 {
		t.early[1], t.early[0] = t.early[0], [earlyBins]uint8{}
	}
	ms := min(roundTrip.Milliseconds(), maxRoundTrip)
	t.ages[t.at] = uint16(every*game.LagUnit + int(ms)*rate*game.LagUnit/1000)
	age := 0
	for _, a := range t.ages {
		age = max(age, int(a))
	}
	jitter := min(t.jitter()*game.LagUnit, int(maxInputJitter.Milliseconds())*rate*game.LagUnit/1000)
	t.bound = uint8(min(max(age+restTicks*game.LagUnit+jitter, minLagTicks*game.LagUnit), maxBound))
}

const maxBound = 255 // of a lag on the wire

// measure measures the connection. It is called with an input. A ping goes into q.
func (t *timing) measure(conn *ws.Conn, shared *Shared, q *reliableQueue) {
	trip, deviation, ok := conn.RoundTrip()
	switch {
	case !ok:
		trip, ok = t.ping.roundTrip(conn, shared.Rate, q)
	case t.known: // the kernel's first deviation is a guess
		trip += deviation
	}
	t.next = shared.Now + int64(measureEvery)
	if !ok && !t.known {
		t.next = shared.Now + int64(retryEvery)
	}
	if ok || t.known || t.bound == 0 {
		t.add(trip, shared.Every, shared.Rate)
	}
	t.known = t.known || ok
}

// roundTrip is that of the last ping, if its pong has come, and none waits now. It queues
// the next one, which goes with the next snapshot. rate is the match's, in ticks per
// second.
func (p *pingState) roundTrip(conn *ws.Conn, rate int, q *reliableQueue) (trip time.Duration, ok bool) {
	if p.sent != 0 {
		tag, at := conn.Pong()
		if tag != p.tag {
			return 0, false
		}
		// The pong waited for the tick that read it, half of one in the mean.
		trip, ok = time.Duration(max(at-p.sent-int64(time.Second)/int64(2*rate), 0)), true
	}
	if !p.queued {
		before := len(q.bytes)
		p.sent, p.queued = 0, true
		p.tag++
		q.bytes = ws.AppendTaggedPing(q.bytes, p.tag)
		q.own += uint32(len(q.bytes) - before)
	}
	return trip, ok
}

// pingSent records that a queued ping was sent.
func (in *inputs) pingSent(now int64) {
	if in != nil && in.ping.queued {
		in.ping.queued, in.ping.sent = false, now
	}
}
