package session

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
	"tactus/server/internal/metrics"
)

// traceRate is the rate of the traces' match, in ticks per second.
const traceRate = 30

// traceLine is an input of a trace, which the client's own clock has made
// (client-js/test/lag.test.ts).
type traceLine struct {
	ms    int64
	early int64 // ticks
	lag   uint8 // that the client claims
	took  int64 // ms that an acknowledgement took at that time
}

func readTrace(t *testing.T, name string) (lines []traceLine) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "lag", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var l traceLine
		if _, err := fmt.Sscan(string(line), &l.ms, &l.early, &l.lag, &l.took); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// player replays a trace to a session.
type player struct {
	t     *testing.T
	s     *Session
	conn  *ws.Conn
	peer  *wstest.Peer
	reads ws.ReadBatch
	seq   uint32

	mean, deviation float64 // of the kernel, in ms
	pongs           []pong
}

// pong is an answer on its way.
type pong struct {
	at      int64
	payload []byte
}

func newPlayer(t *testing.T, every int) *player {
	t.Helper()
	schema := game.DefineInput[struct{ X int32 }]().Schema()
	shared := &Shared{
		Now: 1, Rate: traceRate, Every: every, Input: schema, Tallies: []*Tally{{}},
		Metrics: metrics.New(prometheus.NewRegistry()),
	}
	s := New(shared, 0)
	p := &player{t: t, s: &s}
	p.conn, p.peer = wstest.Pair()
	s.Attach(p.conn, 0, 0, false, nil)
	return p
}

// acknowledge adds a round trip to the kernel's mean and deviation, as RFC 6298 does.
func (p *player) acknowledge(ms int64) {
	if p.mean == 0 {
		p.mean, p.deviation = float64(ms), float64(ms)/2
	}
	p.deviation += (math.Abs(float64(ms)-p.mean) - p.deviation) / 4
	p.mean += (float64(ms) - p.mean) / 8
	p.peer.Measure(time.Duration(max(p.mean*1e6, 1)), time.Duration(p.deviation*1e6))
}

// input sends an input with the lag that is claimed, and returns the lag that is taken.
func (p *player) input(l traceLine, claim uint8, kernel bool) (taken uint8) {
	p.t.Helper()
	s := p.s
	s.shared.Now, s.shared.Tick = l.ms*int64(time.Millisecond)+1, game.Tick(l.ms*traceRate/1000+100)
	if kernel {
		p.acknowledge(l.took)
	}
	for len(p.pongs) > 0 && p.pongs[0].at <= l.ms {
		p.peer.PongTo(p.pongs[0].payload)
		p.pongs = p.pongs[1:]
	}
	p.seq++
	tick := int64(s.shared.Tick) + l.early
	p.peer.Send(protocol.AppendInput(nil, protocol.InputHeader{Seq: p.seq, Tick: uint32(tick), Lag: claim}, []uint32{0}))
	p.reads.Add(s.shared.Now, p.conn, s)
	p.reads.Run(s.shared.Now)
	if b := s.reliable.bytes; len(b) > 2 { // a ping
		p.pongs = append(p.pongs, pong{l.ms + l.took, bytes.Clone(b[2:])})
		s.sent(s.shared)
		s.inputs.pingSent(s.shared.Now)
	}
	lag, _, _ := s.Input(game.Tick(tick))
	return uint8(lag)
}

// lagTraces are the networks of the traces, and their ticks per snapshot.
var lagTraces = map[string]int{"50": 1, "100": 1, "200": 1, "calm": 1, "wild": 1, "bursts": 1, "half-rate": 2}

// replay plays a trace. claim is what the client says, change changes when its inputs
// come. It returns the means of what is honest and of what is taken, in ticks, and the
// share of inputs whose lag was cut.
func replay(t *testing.T, name string, kernel bool, claim func(honest uint8) uint8, change func(i int, l *traceLine)) (honest, taken, cut float64) {
	t.Helper()
	p := newPlayer(t, lagTraces[name])
	lines := readTrace(t, name)
	for i, l := range lines {
		honest += float64(l.lag)
		change(i, &l)
		taken += float64(p.input(l, claim(l.lag), kernel))
	}
	n := float64(len(lines))
	cut = float64(p.s.tally().clamped) / n
	return honest / n / game.LagUnit, taken / n / game.LagUnit, cut
}

func unchanged(int, *traceLine) {}

// TestLag_honestClaimsAreTaken: the rules see what the shooter saw, on links of 50 to
// 200 ms with 60 ms of jitter each way, and on worse ones.
func TestLag_honestClaimsAreTaken(t *testing.T) {
	for name := range lagTraces {
		for _, kernel := range []bool{true, false} {
			_, _, cut := replay(t, name, kernel, func(honest uint8) uint8 { return honest }, unchanged)
			if cut >= 0.01 {
				t.Errorf("%s, measured by the kernel %v: %.2f %% of honest claims cut, want less than 1 %%", name, kernel, cut*100)
			}
		}
	}
}

// TestLag_falseClaimsGainThreeTicks at most, also of a client whose inputs come
// irregularly on purpose.
func TestLag_falseClaimsGainThreeTicks(t *testing.T) {
	most := func(uint8) uint8 { return protocol.MaxLag }
	jittery := func(i int, l *traceLine) { l.early += int64(i % 8) }
	for name := range lagTraces {
		for _, kernel := range []bool{true, false} {
			honest, taken, cut := replay(t, name, kernel, most, unchanged)
			if gain := taken - honest; gain > 3 || cut < 0.9 {
				t.Errorf("%s, measured by the kernel %v: %.2f ticks where %.2f are honest", name, kernel, taken, honest)
			}
		}
	}
	if honest, taken, _ := replay(t, "calm", true, most, jittery); taken-honest > 3 {
		t.Errorf("irregular on purpose: %.2f ticks where %.2f are honest", taken, honest)
	}
}

// TestLag_unansweredPingsProveNothing: a client may claim three ticks then, and a little
// for inputs that come irregularly.
func TestLag_unansweredPingsProveNothing(t *testing.T) {
	p := newPlayer(t, 1)
	for _, l := range readTrace(t, "200") {
		p.pongs = nil
		if taken := p.input(l, protocol.MaxLag, false); taken > 6*game.LagUnit {
			t.Fatalf("at %d ms: %d sixteenths of a tick", l.ms, taken)
		}
	}
}

// TestLag_kernelNeedsNoPings: what the kernel measures costs no byte.
func TestLag_kernelNeedsNoPings(t *testing.T) {
	p := newPlayer(t, 1)
	for _, l := range readTrace(t, "50") {
		p.input(l, l.lag, true)
		if len(p.pongs) > 0 {
			t.Fatal("a ping")
		}
	}
}

func TestTiming_fullBinsAreHalved(t *testing.T) {
	var n timing
	for range 1000 {
		n.arrived(2)
		n.arrived(3)
	}
	if j := n.jitter(); j != 1 {
		t.Errorf("jitter of %d ticks, want 1", j)
	}
	n.arrived(-1000)
	n.arrived(1000) // a few that come late or early are no jitter
	if j := n.jitter(); j != 1 {
		t.Errorf("with two that stand out: jitter of %d ticks, want 1", j)
	}
}
