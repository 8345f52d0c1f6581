package rehearsal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tactus/internal/condition"
)

// metric is a figure of a result: a row of the table, and a name in conditions.
type metric struct {
	name, label string
	unit        unit
	unless      bool // the row is left out if all are 0
	value       func(*Result) (v float64, measured bool)
}

func number(name, label string, u unit, value func(*Result) float64) metric {
	return metric{name: name, label: label, unit: u, value: func(r *Result) (float64, bool) { return value(r), true }}
}

// spreads returns the metrics of a distribution.
func spreads(name, label string, u unit, of func(*Result) Spread, percentiles ...string) []metric {
	list := make([]metric, 0, len(percentiles))
	for _, p := range percentiles {
		list = append(list, metric{name: name + "_" + p, label: label + " " + p, unit: u, value: func(r *Result) (float64, bool) {
			s := of(r)
			return s.at(p), s.Count > 0
		}})
	}
	return list
}

func (s Spread) at(percentile string) float64 {
	switch percentile {
	case "p50":
		return s.P50
	case "p90":
		return s.P90
	case "p99":
		return s.P99
	default:
		return s.Max
	}
}

// metrics are all figures, in the order of the table.
var metrics = listMetrics()

func listMetrics() []metric {
	var list []metric
	add := func(m ...metric) { list = append(list, m...) }
	ifAny := func(m metric) metric {
		m.unless = true
		return m
	}
	ofMatches := func(m metric) metric {
		value := m.value
		m.value = func(r *Result) (float64, bool) {
			v, _ := value(r)
			return v, r.Matches > 0
		}
		return m
	}
	add(number("tickets", "tickets", counted, func(r *Result) float64 { return float64(r.Tickets) }),
		number("players", "players", counted, func(r *Result) float64 { return float64(r.Players) }),
		number("matched", "matched", counted, func(r *Result) float64 { return float64(r.Matched) }),
		number("matched_share", "matched share", shared, func(r *Result) float64 { return r.MatchedShare }),
		number("unmatched", "unmatched", counted, func(r *Result) float64 { return float64(r.Unmatched) }),
		number("expired", "  expired", counted, func(r *Result) float64 { return float64(r.Expired) }),
		number("cancelled", "  cancelled", counted, func(r *Result) float64 { return float64(r.Cancelled) }),
		ifAny(number("refused", "  refused: party too large", counted, func(r *Result) float64 { return float64(r.Refused) })))
	add(spreads("wait", "wait", timed, func(r *Result) Spread { return r.WaitMS }, "p50", "p90", "p99", "max")...)
	add(spreads("spread", "skill spread", numeric, func(r *Result) Spread { return r.SkillSpread }, "p50", "p90")...)
	add(spreads("balance", "team difference", numeric, func(r *Result) Spread { return r.Balance }, "p50", "p90")...)
	add(spreads("latency", "latency", timed, func(r *Result) Spread { return r.LatencyMS }, "p50", "p90")...)
	add(ofMatches(number("quality", "quality, mean", numeric, func(r *Result) float64 { return r.QualityMean })),
		number("matches", "matches", counted, func(r *Result) float64 { return float64(r.Matches) }),
		ofMatches(number("players_per_match", "players per match", numeric, func(r *Result) float64 { return r.PlayersPerMatch })),
		number("most_matches", "matches at once, most", counted, func(r *Result) float64 { return float64(r.MostMatches) }),
		number("most_waiting", "tickets waiting, most", counted, func(r *Result) float64 { return float64(r.MostWaiting) }),
		ifAny(number("full_share", "cycles with a region full", shared, func(r *Result) float64 { return r.FullShare })),
		ifAny(number("no_room", "matches without a server", counted, func(r *Result) float64 { return float64(r.NoRoom) })),
		number("cycles", "cycles", counted, func(r *Result) float64 { return float64(r.Cycles) }),
		number("cycle_mean", "cycle time, mean", timed, func(r *Result) float64 { return r.CycleMeanMS }))
	add(spreads("cycle", "cycle time", timed, func(r *Result) Spread { return r.CycleMS }, "p99")...)
	return list
}

// Metrics returns the names that conditions can use, in the order of the table.
func Metrics() []string { return assertions.Names() }

// AssertResult is a condition and whether it holds. Times are milliseconds.
type AssertResult struct {
	Condition string  `json:"condition"`
	Value     float64 `json:"value"`
	Measured  bool    `json:"measured"` // false: there was nothing to measure, which fails
	OK        bool    `json:"ok"`
	unit      unit
}

func (a *AssertResult) summary() string {
	switch {
	case !a.Measured:
		return "FAILED, not measured"
	case !a.OK:
		return "FAILED, is " + a.unit.text(a.Value)
	}
	return "ok"
}

// assertions is the language of [Config.Assert].
var assertions = assertionLanguage()

func assertionLanguage() condition.Language[*Result] {
	l := condition.Language[*Result]{Kind: "assert", Noun: "figure", Example: "wait_p90<10s"}
	for _, m := range metrics {
		l.Figures = append(l.Figures, condition.Figure[*Result]{Name: m.name, Value: m.value, ParseLimit: m.unit.parse})
	}
	return l
}

// parseAssertions reads "wait_p90<10s,spread_p90<200"; empty: none. The error
// names every mistake.
func parseAssertions(text string) ([]condition.Condition[*Result], error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return assertions.ParseAll(parts)
}

func checkAssertion(c condition.Condition[*Result], r *Result) AssertResult {
	value, measured, holds := c.Check(r)
	at := slices.IndexFunc(metrics, func(m metric) bool { return m.name == c.Name() })
	return AssertResult{Condition: c.String(), Value: value, Measured: measured, OK: holds, unit: metrics[at].unit}
}

func (u unit) parse(text string) (float64, error) {
	if u == timed {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time like 10s or 80ms", text)
		}
		return milliseconds(d), nil
	}
	body, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(body), 64)
	if err != nil || percent && u != shared {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if percent {
		n /= 100
	}
	return n, nil
}
