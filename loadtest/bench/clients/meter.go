//go:build linux

package clients

import (
	"time"

	"tactus/loadtest"
	"tactus/loadtest/internal/histogram"
)

// meter is what clients measure within the window. It is not safe for concurrent use.
type meter struct {
	gaps, echoes, lateness histogram.Times
	states, bytes          int64
	dropped, estimated     int64
}

func newMeter() meter {
	return meter{gaps: histogram.New(), echoes: histogram.New(), lateness: histogram.New()}
}

// window is what was read at both ends of the window, as differences.
type window struct {
	length int64 // ns
	cpu    time.Duration
	busy   time.Duration
	stolen float64
}

// report sums up a test whose engine has ended.
func (r *run) report(w *window) *loadtest.Report {
	m := &r.meter
	seconds := float64(w.length) / float64(time.Second)
	clients := float64(r.cfg.Clients)
	ticks := clients * float64(r.cfg.Rate) * seconds
	perTick := float64(w.cpu.Microseconds()) / ticks
	report := &loadtest.Report{
		Clients: r.cfg.Clients, Players: r.cfg.Clients, TickRate: r.cfg.Rate, DurationS: seconds,
		Snapshots: m.states, DroppedInputs: m.dropped, Errors: r.errors(),
		Delivered:          float64(m.states) / ticks,
		BytesPerClientS:    float64(m.bytes) / clients / seconds,
		GapMS:              loadtest.Spread{P50: m.gaps.Millis(50), P99: m.gaps.Millis(99), Max: m.gaps.Millis(100)},
		EchoMS:             loadtest.Pair{P50: m.echoes.Millis(50), P99: m.echoes.Millis(99)},
		CPUPerClientTickUS: &perTick,
		Generator: loadtest.GeneratorReport{
			Stolen: w.stolen, Busiest: float64(w.busy) / float64(w.length),
			Estimated: float64(m.estimated) / float64(max(m.states, 1)),
			LateP99MS: m.lateness.Millis(99), LateMaxMS: m.lateness.Millis(100),
		},
	}
	report.Generator.Judge(r.cfg.Rate)
	return report
}

// errors counts clients that were not in the game to the end.
func (r *run) errors() map[string]int {
	lost, outside := 0, int(r.outside.Load())
	for _, c := range r.clients {
		switch {
		case c.lost:
			lost++
		case c.Slot < 0:
			outside++
		}
	}
	counts := map[string]int{}
	if lost > 0 {
		counts["connection lost"] = lost
	}
	if outside > 0 {
		counts["not let in"] = outside
	}
	return counts
}
