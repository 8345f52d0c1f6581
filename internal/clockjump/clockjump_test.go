package clockjump

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/steady"
)

func TestCondition_warnsForAMinute(t *testing.T) {
	for name, c := range map[string]struct {
		jumps steady.Jumps
		ok    bool
		want  string
	}{
		"none":          {steady.Jumps{}, true, "did not jump"},
		"forward":       {steady.Jumps{Forward: 1, Last: time.Hour, Ago: 12 * time.Second}, false, "by +3600.0 s, 12 s ago"},
		"backward":      {steady.Jumps{Backward: 1, Last: -2500 * time.Millisecond}, false, "by -2.5 s, 0 s ago"},
		"a minute past": {steady.Jumps{Forward: 1, Last: time.Hour, Ago: time.Minute}, true, "did not jump"},
	} {
		if got := condition(c.jumps); got.OK != c.ok || got.Name != "clock" || !strings.Contains(got.Reason, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Both parts of one process register the metric.
func TestRegister_twiceIsOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	Register(reg)
	Register(reg)
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "tactus_clock_jumps_total" || len(families[0].GetMetric()) != 2 {
		t.Errorf("%v, %v", families, err)
	}
}
