package loadtest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"
)

// Report is the result of a load test. Its fields cover the window only, except where
// they say otherwise.
type Report struct {
	// Clients is the number of bots that were measured, without slow readers.
	Clients int `json:"clients"`
	// Delivered is the share of due snapshots that arrived, from each client's first
	// snapshot on.
	Delivered float64 `json:"delivered"`
	// GapMS is the time between two snapshots of a client. A late one also counts for
	// the snapshots that were due before it.
	GapMS Spread `json:"gap_ms"`
	// UnavailableS is the time in player-seconds that clients spent in silences of more
	// than a second: without any snapshot, from their first one on. A silence ends with
	// a snapshot, also of another match, or with the test. This is the cost of a server
	// that stands still or removes its players.
	UnavailableS float64 `json:"unavailable_s"`
	// UnavailableClients is the number of clients with such a silence.
	UnavailableClients int `json:"unavailable_clients"`
	// EchoMS is the time from when an input was due to the first snapshot that confirms
	// it.
	EchoMS Pair `json:"echo_ms"`
	// BytesPerClientS is the number of bytes that a client receives in a second, with
	// the heads of frames.
	BytesPerClientS float64 `json:"bytes_per_client_s"`
	// CPUPerClientTickUS is the server's user and system time per client and
	// tick in microseconds, nil when it was not measured.
	CPUPerClientTickUS *float64 `json:"cpu_us_per_client_tick"`
	// Errors counts failures by kind, over the whole run.
	Errors map[string]int `json:"errors"`

	// Reconnects counts connections that were lost and resumed, by close code, over the
	// whole run.
	Reconnects map[string]int `json:"reconnects"`
	Game       string         `json:"game"`
	Mode       string         `json:"mode"`
	Players    int            `json:"players"` // asked for
	// Matches is the number of matches opened for groups of bots, 0 without groups.
	Matches   int     `json:"matches"`
	TickRate  int     `json:"tick_rate"` // Hz
	DurationS float64 `json:"duration_s"`
	// Snapshots is the number of snapshots that measured clients received.
	Snapshots int64 `json:"snapshots"`
	// DroppedInputs is the number of inputs that found their socket full.
	DroppedInputs int64             `json:"dropped_inputs"`
	Verify        *VerifyReport     `json:"verify,omitempty"`
	SlowReaders   *SlowReport       `json:"slow_readers,omitempty"`
	Generator     GeneratorReport   `json:"generator"`
	Thresholds    []ThresholdResult `json:"thresholds"`
	// Failed is true when a threshold did not hold.
	Failed bool `json:"failed"`
}

// Spread is a distribution in milliseconds.
type Spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Pair is a distribution in milliseconds without a maximum. The maximum of echoes says
// more about one unlucky input than about a server.
type Pair struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// VerifyReport is the result of comparing states, over the whole run.
type VerifyReport struct {
	Checked    int64 `json:"checked"`    // hashes compared
	Mismatched int64 `json:"mismatched"` // hashes that differed, and snapshots that did not apply
}

// SlowReport describes the slow readers, over the whole run.
type SlowReport struct {
	Clients      int   `json:"clients"`
	Pauses       int64 `json:"pauses"`
	SkippedTicks int64 `json:"skipped_ticks"` // left out for them and covered by one larger delta
	// Backlog is the largest number of snapshots that waited for one of them when it
	// began to read again. 1 means that the newest state arrived first.
	Backlog int64 `json:"backlog"`
}

// GeneratorReport describes the load tester itself. Limited means that the figures
// show its limits and not the server's.
type GeneratorReport struct {
	CPUCores float64 `json:"cpu_cores"` // of this process
	Busiest  float64 `json:"busiest"`   // share of the time that its busiest loop worked, or waited for a CPU
	// LateP99MS and LateMaxMS are how late inputs were sent.
	LateP99MS float64 `json:"late_p99_ms"`
	LateMaxMS float64 `json:"late_max_ms"`
	// Estimated is the share of the snapshots that were read after the next one had
	// arrived. Their time of arrival is estimated.
	Estimated float64 `json:"estimated"`
	// Stolen is the share of this machine's CPU time that its host gave to other
	// machines.
	Stolen  float64 `json:"stolen"`
	Limited bool    `json:"limited"`
	Why     string  `json:"why,omitempty"`
}

func (r *run) report(span *measured) (*Report, error) {
	all := newMeter(r.window)
	for _, e := range r.engines {
		all.add(e.meter)
	}
	report := &Report{
		Errors: r.errors.list(), Reconnects: r.reconnects.list(),
		Game: r.matchmaker.game, Mode: r.matchmaker.mode, Players: r.cfg.Players,
		TickRate: int(r.tickRate.Load()), DurationS: seconds(span.to - span.from),
	}
	for _, b := range r.bots {
		all.finish(b, span.to)
		if b.measured {
			report.Clients++
		}
		if b.unavailable {
			report.UnavailableClients++
		}
	}
	for _, room := range r.rooms {
		report.Matches += room.opened
	}
	report.measure(all)
	report.Generator = r.generatorReport(span, all)
	if r.cfg.ServerPID != 0 {
		switch {
		case span.serverErr != nil:
			r.log.Warn("server's CPU time not measured", zap.Error(span.serverErr))
		case all.ticksDue > 0:
			us := float64(span.serverCPU.Nanoseconds()) / 1e3 / float64(all.ticksDue)
			report.CPUPerClientTickUS = &us
		}
	}
	if r.cfg.Verify {
		report.Verify = &VerifyReport{Checked: all.checked, Mismatched: all.mismatched + all.broken}
		if all.checked == 0 {
			r.log.Warn("nothing verified: server sends no state hash")
		}
	}
	if r.cfg.SlowReaders > 0 {
		report.SlowReaders = r.slowReport(&all.slow)
	}
	conditions, err := thresholds.ParseAll(r.cfg.Thresholds)
	if err != nil {
		return nil, err
	}
	report.Thresholds = make([]ThresholdResult, 0, len(conditions))
	for _, c := range conditions {
		result := checkThreshold(c, report)
		report.Thresholds = append(report.Thresholds, result)
		report.Failed = report.Failed || !result.OK
	}
	return report, nil
}

func (r *run) slowReport(m *slowMeter) *SlowReport {
	s := &SlowReport{Clients: r.cfg.SlowReaders, SkippedTicks: m.skipped, Backlog: m.backlog}
	for _, b := range r.bots {
		if b.slow != nil {
			s.Pauses += b.slow.Pauses
		}
	}
	return s
}

func (r *Report) measure(m *meter) {
	r.Snapshots, r.DroppedInputs = m.snapshots, m.dropped
	r.UnavailableS = seconds(m.unavailable)
	if m.ticksDue > 0 {
		r.Delivered = float64(m.ticksGot) / float64(m.ticksDue)
	}
	if m.seen > 0 {
		r.BytesPerClientS = float64(m.received) / seconds(m.seen)
	}
	r.GapMS = Spread{P50: m.gaps.Millis(50), P99: m.gaps.Millis(99), Max: m.gaps.Millis(100)}
	r.EchoMS = Pair{P50: m.echoes.Millis(50), P99: m.echoes.Millis(99)}
}

// Limits beyond which the figures show the load tester and not the server.
const (
	maxBusy      = 0.85 // of the time of an engine
	maxLateness  = 0.25 // of a tick, of the latest hundredth of the inputs
	maxEstimated = 0.01 // of the snapshots: more may be in gaps at the 99th percentile
)

// maxStolen is the share of stolen time from which on gaps and echoes show the host
// and not the server.
const maxStolen = 0.02

// Disturbed reports whether the host took so much CPU time that gaps and echoes are no
// evidence about the server.
func (g *GeneratorReport) Disturbed() bool { return g.Stolen >= maxStolen }

// Judge sets Limited and Why by the other fields. tickRate is in Hz.
func (g *GeneratorReport) Judge(tickRate int) {
	tick := 1000 / float64(max(tickRate, 1))
	switch {
	case g.Busiest > maxBusy:
		g.Why = fmt.Sprintf("a loop of the load tester had no rest for %.0f %% of the time", g.Busiest*100)
	case g.LateP99MS > maxLateness*tick:
		g.Why = fmt.Sprintf("one input in a hundred was sent %.1f ms late or more: the load tester did not get the CPU in time", g.LateP99MS)
	case g.Estimated > maxEstimated:
		g.Why = fmt.Sprintf("%.1f %% of the snapshots were read too late to know when they came", g.Estimated*100)
	}
	g.Limited = g.Why != ""
}

// generatorReport describes the load tester itself. It warns in the log when that was
// the limit.
func (r *run) generatorReport(span *measured, m *meter) GeneratorReport {
	g := GeneratorReport{
		CPUCores: float64(span.ownCPU) / float64(max(span.to-span.from, 1)), Busiest: span.busiest, Stolen: span.stolen,
		LateP99MS: m.lateness.Millis(99), LateMaxMS: m.lateness.Millis(100),
		Estimated: float64(m.estimated) / float64(max(m.snapshots, 1)),
	}
	if g.Judge(int(r.tickRate.Load())); g.Limited {
		r.log.Warn("load tester was the limit, not the server", zap.String("why", g.Why),
			zap.String("hint", "use fewer bots, or another machine"))
	}
	return g
}

func seconds(ns int64) float64 { return float64(ns) / float64(time.Second) }

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("played", "%s/%s, %d Hz, %.1f s measured", r.Game, r.Mode, r.TickRate, r.DurationS)
	matches := ""
	if r.Matches > 0 {
		matches = fmt.Sprintf(" in %d matches", r.Matches)
	}
	row("clients", "%d of %d%s", r.Clients, r.Players, matches)
	row("delivered", "%.5f (%d snapshots)", r.Delivered, r.Snapshots)
	row("gap", "p50 %.1f ms   p99 %.1f ms   max %.1f ms", r.GapMS.P50, r.GapMS.P99, r.GapMS.Max)
	row("unavailable", "%.1f player-seconds (%d clients heard nothing for over %v)", r.UnavailableS, r.UnavailableClients, maxSilence)
	row("echo", "p50 %.1f ms   p99 %.1f ms", r.EchoMS.P50, r.EchoMS.P99)
	row("bytes", "%.0f per client and second", r.BytesPerClientS)
	if r.CPUPerClientTickUS != nil {
		row("server CPU", "%.2f us per client and tick", *r.CPUPerClientTickUS)
	}
	row("errors", "%s", counts(r.Errors))
	if len(r.Reconnects) > 0 {
		row("reconnects", "%s", counts(r.Reconnects))
	}
	if r.Verify != nil {
		row("verified", "%d hashes, %d mismatched", r.Verify.Checked, r.Verify.Mismatched)
	}
	if s := r.SlowReaders; s != nil {
		row("slow readers", "%d, %d pauses, %d ticks left out, at most %d snapshots waited", s.Clients, s.Pauses, s.SkippedTicks, s.Backlog)
	}
	g := r.Generator
	row("load tester", "%.2f cores, loop %.0f %% busy, inputs late p99 %.1f ms, max %.1f ms", g.CPUCores, g.Busiest*100, g.LateP99MS, g.LateMaxMS)
	if g.Disturbed() {
		row("", "the host gave %.0f %% of this machine's CPU time to others: expect worse figures than on a quiet one", g.Stolen*100)
	}
	if g.Estimated > 0 {
		row("", "%.2f %% of the snapshots were read after the next had come: when they came is estimated", g.Estimated*100)
	}
	if g.Limited {
		row("", "THE LOAD TESTER WAS THE LIMIT: %s", g.Why)
	}
	for _, c := range r.Thresholds {
		row("threshold", "%s   %s", c.Condition, c.summary())
	}
	return t.Flush()
}

func counts(list map[string]int) string {
	if len(list) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(list))
	for _, name := range slices.Sorted(maps.Keys(list)) {
		parts = append(parts, fmt.Sprintf("%d x %s", list[name], name))
	}
	return strings.Join(parts, ", ")
}
