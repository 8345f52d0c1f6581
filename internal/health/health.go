// Package health answers the probes of load balancers and orchestrators: whether the
// process works, whether it is ready, and whether a player would find a seat.
package health

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
)

// Condition is one requirement and whether it holds.
type Condition struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"` // why it holds or does not, for operators
}

// Check evaluates a condition. It is called for every probe, on any goroutine, so it
// must neither block nor call another process.
type Check func() Condition

// Report is the answer to a probe.
type Report struct {
	OK         bool        `json:"ok"`
	Conditions []Condition `json:"conditions"`
	// Warnings are conditions that do not hold, and that OK does not depend on.
	Warnings []Condition `json:"warnings,omitempty"`
}

// Evaluate reports whether all conditions hold.
func Evaluate(checks []Check) Report {
	r := Report{OK: true, Conditions: make([]Condition, 0, len(checks))}
	for _, check := range checks {
		c := check()
		r.OK = r.OK && c.OK
		r.Conditions = append(r.Conditions, c)
	}
	return r
}

// Probes are the conditions of one process.
type Probes struct {
	// Live holds while the process does its work. When it fails, only a restart
	// helps. That the process answers is added as the first condition.
	Live []Check
	// Ready holds while the process can serve requests.
	Ready []Check
	// Playable holds while a player's search finds a seat. Nil: the process does not
	// know, and does not serve /playable.
	Playable []Check
	// Warn are conditions that /readyz only reports: without them the process does its
	// work, but lacks something that an operator should mend.
	Warn []Check
}

// And returns the conditions of a process that has both roles.
func (p Probes) And(other Probes) Probes {
	both := Probes{Live: slices.Concat(p.Live, other.Live), Ready: slices.Concat(p.Ready, other.Ready), Warn: slices.Concat(p.Warn, other.Warn)}
	if p.Playable != nil {
		both.Playable = slices.Concat(p.Playable, other.Ready)
	}
	return both
}

// Register adds /livez, /healthz, which is the same, /readyz and /playable.
func (p Probes) Register(mux *http.ServeMux) {
	live := answer(append([]Check{answers}, p.Live...), nil)
	mux.Handle("GET /livez", live)
	mux.Handle("GET /healthz", live)
	mux.Handle("GET /readyz", answer(p.Ready, p.Warn))
	if p.Playable != nil {
		mux.Handle("GET /playable", answer(p.Playable, nil))
	}
}

// answer serves a report with status 200 while all conditions hold, else 503.
func answer(checks, warn []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		report := Evaluate(checks)
		for _, c := range Evaluate(warn).Conditions {
			if !c.OK && !slices.Contains(report.Warnings, c) { // both parts of a process may warn of the same
				report.Warnings = append(report.Warnings, c)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(report)
	})
}

func answers() Condition { return Condition{Name: "process", OK: true, Reason: "answers"} }

// Descriptors returns a condition that holds while the process can open files and
// connections.
func Descriptors() Condition {
	c := Condition{Name: "descriptors", OK: true, Reason: "left"}
	file, err := os.Open(os.DevNull)
	if err != nil {
		c.OK, c.Reason = false, "none left; raise the limit of open files (ulimit -n)"
		return c
	}
	_ = file.Close()
	return c
}
