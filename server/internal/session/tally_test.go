package session

import (
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/server/internal/metrics"
)

// TestTally_isFlushedOnce: what was counted is added, late and superseded
// inputs as one, and not a second time.
func TestTally_isFlushedOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := metrics.New(reg)
	tally := Tally{Snapshots: 5, refused: 1, actions: [actions]uint64{SendSnapshot: 6, SkipBlocked: 2, SkipStalled: 3, NothingNew: 9}, bytesIn: 70, bytesOut: 900}
	for v := range inputResults {
		tally.inputs[v] = uint64(v) + 1
	}
	tally.FlushTo(m)
	tally.FlushTo(m)
	want := map[string]float64{
		"tactus_snapshots_sent_total": 5, "tactus_snapshots_skipped_total": 1 + 2 + 3, "tactus_socket_in_bytes_total": 70,
		"tactus_socket_out_bytes_total": 900, "tactus_inputs_taken_total": 1, "tactus_inputs_late_total": 2 + 4,
		"tactus_inputs_early_total": 3, "tactus_inputs_invalid_total": 5,
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if _, asked := want[f.GetName()]; asked {
			got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
