//go:build linux

package flock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"tactus/loadtest"
	"tactus/loadtest/internal/timingwheel"
	"tactus/loadtest/internal/sockets"
)

// flock is a running test. The loop owns the members and what is measured; the
// course of the test only opens and closes its window.
type flock struct {
	cfg     Config
	start   time.Time
	looks   timingwheel.Wheel // when members are to be read, by number
	members []*Member
	out     []byte
	lost    int
	period  int64
	spent   atomic.Int64
	outside atomic.Int64 // members who did not get in

	receiver *sockets.Receiver
	outbox   sockets.WriteBatch
	senders  []*Member // by their frame in the outbox
	readers  []int32   // whose sockets are read together, by number
	fds      []int32   // theirs
	received []sockets.Received
	played   int64 // until when inputs were sent

	mu      sync.Mutex
	arrived []arrival
	window  atomic.Bool
	count   tally
}

type arrival struct {
	m     *Member
	early []byte
}

// tally is what is measured within the window; it is guarded by the flock's
// mutex.
type tally struct {
	gaps, echoes, late *hdrhistogram.Histogram
	states, bytes      int64
	dropped, estimated int64
	from, busyFrom     int64
	stolen             func() float64
}

func newFlock(cfg Config) *flock {
	histogram := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) } // microseconds
	f := &flock{
		cfg: cfg, start: time.Now(), period: int64(time.Second) / int64(cfg.Rate),
		count: tally{gaps: histogram(), echoes: histogram(), late: histogram()},
	}
	f.receiver, f.received = sockets.NewReceiver(64<<10, f.now), make([]sockets.Received, together)
	return f
}

func (f *flock) now() int64 { return int64(time.Since(f.start)) }

// serve is the loop. Everybody's inputs are due once a period, each at a moment
// of his own.
func (f *flock) serve(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer f.closeAll()
	f.played = f.now()
	for ctx.Err() == nil {
		woke := f.receiver.ReadClock()
		f.look(woke)
		rest := f.now()
		f.spent.Add(rest - woke)
		sockets.Sleep(time.Duration(rest))
	}
}

// together is how many sockets are written or read in one go.
const together = 64

// look lets in who has come, sends what is due, and reads what has arrived.
func (f *flock) look(now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takeArrivals()
	f.playDue(now)
	for _, number := range f.looks.Due(now) {
		f.readers, f.fds = append(f.readers, number), append(f.fds, int32(f.members[number].fd))
		if len(f.readers) == together {
			f.readTogether()
		}
	}
	f.readTogether()
}

func (f *flock) closeAll() {
	for _, m := range f.members {
		if m != nil {
			unix.Close(m.fd)
		}
	}
}

func (f *flock) takeArrivals() {
	for _, a := range f.arrived {
		number := int32(len(f.members))
		f.members = append(f.members, a.m)
		f.lookAt(number, a.m, f.now())
		if err := f.receive(a.m, a.early, f.now()); err != nil {
			f.release(number)
		}
	}
	f.arrived = f.arrived[:0]
}

// playDue sends the inputs whose moment has come since the last call. Member i's
// moment is the i-th part of the period.
func (f *flock) playDue(now int64) {
	from, n := f.played, int64(len(f.members))
	f.played = now
	if n == 0 {
		return
	}
	first, last := from*n/f.period, now*n/f.period
	first = max(first, last-n) // periods missed altogether are gone
	for turn := first; turn < last; turn++ {
		if m := f.members[turn%n]; m != nil {
			f.play(m, turn*f.period/n, now)
		}
	}
	f.sendPosted()
}

func (f *flock) play(m *Member, due, now int64) {
	m.choose(f.cfg.Rate)
	b, ok := f.cfg.Dialect.Input(append(f.out[:0], make([]byte, frameRoom)...), m, m.seq+1)
	f.out = b
	if !ok {
		return
	}
	m.seq++
	m.sentAt[m.seq] = due
	if f.window.Load() {
		_ = f.count.late.RecordValue((now - due) / 1000)
	}
	f.post(m, m.frame(b, ws.OpBinary))
}

// post leaves a frame to sendPosted. What finds the socket full is dropped.
func (f *flock) post(m *Member, frame []byte) {
	if !m.idle() {
		f.dropped()
		return
	}
	f.outbox.Add(m.fd, frame)
	f.senders = append(f.senders, m)
	if len(f.senders) == together {
		f.sendPosted()
	}
}

// sendPosted sends what was posted.
func (f *flock) sendPosted() {
	f.outbox.Send()
	for i, m := range f.senders {
		rest, err := f.outbox.Sent(i)
		if err != nil {
			f.dropped()
		}
		m.rest = append(m.rest[:0], rest...)
	}
	f.outbox.Clear()
	f.senders = f.senders[:0]
}

func (f *flock) dropped() {
	if f.window.Load() {
		f.count.dropped++
	}
}

// frame masks and heads a payload that starts at frameRoom in b; it is a part of
// b.
func (m *Member) frame(b []byte, op ws.OpCode) []byte {
	payload := b[frameRoom:]
	mask := uint32(m.next())
	binary.LittleEndian.PutUint32(b[4:], mask)
	for i := range payload {
		payload[i] ^= b[4+i&3]
	}
	from := 2
	if len(payload) < 126 {
		b[2], b[3] = 0x80|byte(op), 0x80|byte(len(payload))
	} else {
		from = 0
		b[0], b[1] = 0x80|byte(op), 0x80|126
		binary.BigEndian.PutUint16(b[2:], uint16(len(payload)))
	}
	return b[from:]
}

// idle sends what is left of an earlier frame and reports whether nothing is.
func (m *Member) idle() bool {
	if len(m.rest) > 0 {
		n, err := sockets.Send(m.fd, m.rest)
		if err != nil {
			return false
		}
		m.rest = m.rest[n:]
	}
	return len(m.rest) == 0
}

// answer sends a frame at once. What finds the socket full is dropped.
func (m *Member) answer(payload []byte, op ws.OpCode) {
	frame := m.frame(append(make([]byte, frameRoom), payload...), op)
	if !m.idle() {
		return
	}
	if n, err := sockets.Send(m.fd, frame); err == nil {
		m.rest = append(m.rest[:0], frame[n:]...)
	}
}

// readTogether reads those who have something, and sends what has become due
// meanwhile.
func (f *flock) readTogether() {
	for readers, fds := f.readers, f.fds; len(readers) > 0; {
		n := f.receiver.ReceiveAll(fds, f.received)
		for i, number := range readers[:n] {
			f.took(number, &f.received[i])
		}
		readers, fds = readers[n:], fds[n:]
	}
	f.readers, f.fds = f.readers[:0], f.fds[:0]
	if now := f.now(); now-f.played > int64(sockets.Interval) {
		f.receiver.ReadClock()
		f.playDue(now)
	}
}

// took takes what was read from a member's socket, and reads on while there may
// be more. A member whose connection is over is released.
func (f *flock) took(number int32, got *sockets.Received) {
	m := f.members[number]
	seen := m.stateAt
	m.overdue = f.receiver.Now()-m.look > f.period/2
	for more := true; more; {
		err := got.Err
		if err == nil {
			err = f.receive(m, got.Data, got.At)
		}
		if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			f.release(number)
			return
		}
		if more = got.More || errors.Is(err, unix.EINTR); more {
			*got = f.receiver.Receive(m.fd)
		}
	}
	if m.stateAt != seen {
		f.lookAt(number, m, m.beat.Arrived(m.stateAt, f.period))
	} else {
		f.lookAt(number, m, m.beat.Missed(f.receiver.Now(), f.period))
	}
}

// lookAt sets when a member is to be read.
func (f *flock) lookAt(number int32, m *Member, t int64) {
	m.look = t
	f.looks.Set(number, t)
}

func (f *flock) release(number int32) {
	f.looks.Remove(number)
	unix.Close(f.members[number].fd)
	f.members[number] = nil
	f.lost++
}

var errFrame = errors.New("flock: the server closed, or sent a frame that no server should")

// receive takes what came from a socket; the bytes of an incomplete frame are
// kept.
func (f *flock) receive(m *Member, data []byte, now int64) error {
	if f.window.Load() {
		f.count.bytes += int64(len(data))
	}
	if len(m.partial) > 0 {
		m.partial = append(m.partial, data...)
		data = m.partial
	}
	behind, apart := m.spread(data, now)
	for {
		op, payload, size := cutFrame(data)
		if size == 0 {
			m.partial = append(m.partial[:0], data...)
			return nil
		}
		if err := f.take(m, op, payload, now-behind*apart); err != nil {
			return err
		}
		data = data[size:]
		if behind > 0 && isData(op) {
			behind--
			f.estimated()
		}
	}
}

func isData(op ws.OpCode) bool { return op == ws.OpBinary || op == ws.OpText }

// spread is for data that was read too late, as the load tester's is: only of the
// newest it is known when it came, and the others are taken to have come evenly
// since the last state.
func (m *Member) spread(data []byte, now int64) (behind, apart int64) {
	if !m.overdue || m.stateAt == 0 {
		return 0, 0
	}
	n := int64(0)
	for {
		op, _, size := cutFrame(data)
		if size == 0 {
			break
		}
		if isData(op) {
			n++
		}
		data = data[size:]
	}
	if n < 2 {
		return 0, 0
	}
	return n - 1, (now - m.stateAt) / n
}

func (f *flock) estimated() {
	if f.window.Load() {
		f.count.estimated++
	}
}

// cutFrame returns the first frame of b and its size, 0 when it is not complete.
func cutFrame(b []byte) (op ws.OpCode, payload []byte, size int) {
	if len(b) < 2 {
		return 0, nil, 0
	}
	head, n := 2, int(b[1]&0x7f)
	switch {
	case n == 126 && len(b) >= 4:
		head, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		head, n = 10, int(binary.BigEndian.Uint64(b[2:]))
	case n > 125:
		return 0, nil, 0
	}
	if len(b) < head+n {
		return 0, nil, 0
	}
	return ws.OpCode(b[0] & 0x0f), b[head : head+n], head + n
}

func (f *flock) take(m *Member, op ws.OpCode, payload []byte, now int64) error {
	switch op {
	case ws.OpText, ws.OpBinary:
		got, reply := f.cfg.Dialect.Message(m, op == ws.OpText, payload)
		if reply != nil {
			m.answer(reply, op)
		}
		if got.Is {
			f.state(m, got, now)
		}
		return nil
	case ws.OpPing:
		m.answer(payload, ws.OpPong)
		return nil
	case ws.OpPong:
		return nil
	default:
		return errFrame
	}
}

// state measures a state that has come. A gap counts for all the states that
// should have come meanwhile.
func (f *flock) state(m *Member, got State, now int64) {
	measured := f.window.Load()
	if measured {
		f.count.states++
		if m.stateAt != 0 {
			_ = f.count.gaps.RecordCorrectedValue((now-m.stateAt)/1000, f.period/1000)
		}
	}
	m.stateAt = now
	for got.Echoes && m.acked != got.Ack {
		m.acked++
		if sent := m.sentAt[m.acked]; measured && sent != 0 {
			_ = f.count.echoes.RecordValue((now - sent) / 1000)
		}
	}
}

func (f *flock) open() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count.from, f.count.busyFrom, f.count.stolen = f.now(), f.spent.Load(), loadtest.WatchStolen()
	f.window.Store(true)
	return f.count.from
}

// Marks from which on the flock says that it was the limit itself, as the load
// tester does.
const (
	tooBusy = 0.85
	tooLate = 0.25 // of a period
	tooMany = 0.01 // of the states are read too late to know when they came
)

func (f *flock) close(from int64, cpu time.Duration) *loadtest.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.window.Store(false)
	span := f.now() - from
	seconds := float64(span) / float64(time.Second)
	clients := float64(f.cfg.Clients)
	perTick := float64(cpu.Microseconds()) / (clients * float64(f.cfg.Rate) * seconds)
	r := &loadtest.Report{
		Clients: f.cfg.Clients, Players: f.cfg.Clients, TickRate: f.cfg.Rate, DurationS: seconds,
		Snapshots: f.count.states, DroppedInputs: f.count.dropped, Errors: map[string]int{},
		Delivered:          float64(f.count.states) / (clients * float64(f.cfg.Rate) * seconds),
		BytesPerClientS:    float64(f.count.bytes) / clients / seconds,
		GapMS:              loadtest.Spread{P50: ms(f.count.gaps, 50), P99: ms(f.count.gaps, 99), Max: ms(f.count.gaps, 100)},
		EchoMS:             loadtest.Pair{P50: ms(f.count.echoes, 50), P99: ms(f.count.echoes, 99)},
		CPUPerClientTickUS: &perTick,
	}
	if f.lost > 0 {
		r.Errors["connection lost"] = f.lost
	}
	outside := int(f.outside.Load())
	for _, m := range f.members {
		if m != nil && m.Seat < 0 {
			outside++
		}
	}
	if outside > 0 {
		r.Errors["not let in"] = outside
	}
	g := &r.Generator
	g.Stolen = f.count.stolen()
	g.Busiest = float64(f.spent.Load()-f.count.busyFrom) / float64(span)
	g.Estimated = float64(f.count.estimated) / float64(max(f.count.states, 1))
	g.LateP99MS, g.LateMaxMS = ms(f.count.late, 99), ms(f.count.late, 100)
	g.Limited = g.Busiest > tooBusy || g.LateP99MS > tooLate*float64(f.period)/1e6 || g.Estimated > tooMany
	if g.Limited {
		g.Why = fmt.Sprintf("%.0f %% busy, inputs %.1f ms late, %.1f %% read too late", g.Busiest*100, g.LateP99MS, g.Estimated*100)
	}
	return r
}

func ms(h *hdrhistogram.Histogram, percent float64) float64 {
	if h.TotalCount() == 0 {
		return 0
	}
	return float64(h.ValueAtQuantile(percent)) / 1000
}
