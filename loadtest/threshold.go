package loadtest

import (
	"fmt"
	"maps"
	"slices"

	"tactus/internal/condition"
)

// ThresholdResult is a condition of [Config.Thresholds] and how it came out.
type ThresholdResult struct {
	Condition string  `json:"condition"`
	Value     float64 `json:"value"`
	Measured  bool    `json:"measured"` // false: the metric was not measured, which fails
	OK        bool    `json:"ok"`
}

func (t *ThresholdResult) summary() string {
	switch {
	case !t.Measured:
		return "FAILED, not measured"
	case !t.OK:
		return fmt.Sprintf("FAILED, is %.4g", t.Value)
	default:
		return "ok"
	}
}

// metrics are the names that thresholds know. A metric that was not measured
// returns false.
var metrics = map[string]func(r *Report) (float64, bool){
	"clients":            func(r *Report) (float64, bool) { return float64(r.Clients), true },
	"delivered":          func(r *Report) (float64, bool) { return r.Delivered, r.Snapshots > 0 },
	"gap_p50":            func(r *Report) (float64, bool) { return r.GapMS.P50, r.Snapshots > 0 },
	"gap_p99":            func(r *Report) (float64, bool) { return r.GapMS.P99, r.Snapshots > 0 },
	"gap_max":            func(r *Report) (float64, bool) { return r.GapMS.Max, r.Snapshots > 0 },
	"echo_p50":           func(r *Report) (float64, bool) { return r.EchoMS.P50, r.EchoMS.P50 > 0 },
	"echo_p99":           func(r *Report) (float64, bool) { return r.EchoMS.P99, r.EchoMS.P99 > 0 },
	"bytes_per_client_s": func(r *Report) (float64, bool) { return r.BytesPerClientS, r.Snapshots > 0 },
	"cpu_us_per_client_tick": func(r *Report) (float64, bool) {
		if r.CPUPerClientTickUS == nil {
			return 0, false
		}
		return *r.CPUPerClientTickUS, true
	},
	"unavailable": func(r *Report) (float64, bool) { return r.UnavailableS, r.Clients > 0 },
	"errors":      func(r *Report) (float64, bool) { return float64(total(r.Errors)), true },
	"reconnects":  func(r *Report) (float64, bool) { return float64(total(r.Reconnects)), true },
	"mismatched": func(r *Report) (float64, bool) {
		if r.Verify == nil {
			return 0, false
		}
		return float64(r.Verify.Mismatched), r.Verify.Checked > 0
	},
}

// thresholds is the language of [Config.Thresholds].
var thresholds = thresholdLanguage()

func thresholdLanguage() condition.Language[*Report] {
	l := condition.Language[*Report]{Kind: "threshold", Noun: "metric", Example: "gap_p99<50"}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		l.Figures = append(l.Figures, condition.Figure[*Report]{Name: name, Value: metrics[name]})
	}
	return l
}

// Metrics returns the names that thresholds can use. Times are milliseconds.
func Metrics() []string { return thresholds.Names() }

// checkThreshold compares a report with a threshold.
func checkThreshold(c condition.Condition[*Report], r *Report) ThresholdResult {
	value, measured, holds := c.Check(r)
	return ThresholdResult{Condition: c.String(), Value: value, Measured: measured, OK: holds}
}
