package loadtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ThresholdResult is a condition of [Config.Thresholds] and how it came out.
type ThresholdResult struct {
	Condition string  `json:"condition"`
	Value     float64 `json:"value"`
	Measured  bool    `json:"measured"` // false: the metric was not measured, which fails
	OK        bool    `json:"ok"`
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

// Metrics returns the names that thresholds can use. Times are milliseconds.
func Metrics() []string { return slices.Sorted(maps.Keys(metrics)) }

type threshold struct {
	condition, metric, op string
	limit                 float64
}

// operators, the longer ones first so that "<=" is not read as "<".
var operators = []string{"<=", ">=", "==", "<", ">"}

func parseThresholds(conditions []string) ([]threshold, error) {
	var list []threshold
	var errs []error
	for _, condition := range conditions {
		t, err := parseThreshold(condition)
		list, errs = append(list, t), append(errs, err)
	}
	return list, errors.Join(errs...)
}

func parseThreshold(condition string) (threshold, error) {
	for _, op := range operators {
		metric, limit, found := strings.Cut(condition, op)
		if !found {
			continue
		}
		metric, limit = strings.TrimSpace(metric), strings.TrimSpace(limit)
		if _, known := metrics[metric]; !known {
			return threshold{}, fmt.Errorf("threshold %q: no metric %q; known are %s", condition, metric, strings.Join(Metrics(), ", "))
		}
		n, err := strconv.ParseFloat(limit, 64)
		if err != nil {
			return threshold{}, fmt.Errorf("threshold %q: %q is not a number", condition, limit)
		}
		return threshold{condition: condition, metric: metric, op: op, limit: n}, nil
	}
	return threshold{}, fmt.Errorf(`threshold %q is not of the form METRIC OPERATOR NUMBER, like "gap_p99<50"; operators are <, <=, >, >= and ==`, condition)
}

func (t threshold) check(r *Report) ThresholdResult {
	value, measured := metrics[t.metric](r)
	return ThresholdResult{Condition: t.condition, Value: value, Measured: measured, OK: measured && t.holds(value)}
}

func (t threshold) holds(v float64) bool {
	switch t.op {
	case "<":
		return v < t.limit
	case "<=":
		return v <= t.limit
	case ">":
		return v > t.limit
	case ">=":
		return v >= t.limit
	default:
		return v == t.limit
	}
}
