package loadtest

import (
	"strings"
	"testing"
	"time"
)

func TestConfig_zeroValueIsValid(t *testing.T) {
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfig_namesEveryMistake(t *testing.T) {
	err := Config{
		URL: "localhost", Players: 1 << 20, PerMatch: -1, Duration: time.Millisecond, Ramp: -1,
		SlowReaders: -1, SlowAs: "never", ServerPID: -1, Thresholds: []string{"gap_p99", "errors==x", "nothing<1"},
	}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"url", "players", "per-match", "duration", "ramp", "slow readers", `can't be slow as "never"`, "server pid",
		`"gap_p99" is not of the form`, `"x" is not a number`, `no metric "nothing"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not mentioned in:\n%v", want, err)
		}
	}
}

func TestThresholds_compareMetrics(t *testing.T) {
	cpu := 8.0
	measured := &Report{
		Clients: 10, Delivered: 0.999, Snapshots: 1, GapMS: Spread{P50: 33, P99: 40, Max: 90},
		EchoMS: Pair{P50: 20, P99: 45}, CPUPerClientTickUS: &cpu, Errors: map[string]int{"dial": 2, "http 403": 1},
	}
	for condition, want := range map[string]bool{
		"gap_p99<50": true, "gap_p99 < 40": false, "gap_p99<=40": true, "gap_max>=90": true, "gap_p50>33": false,
		"delivered>=0.999": true, "errors==3": true, "errors==0": false, "echo_p99<50": true, "clients==10": true,
		"cpu_us_per_client_tick<9": true, "reconnects==0": true,
	} {
		c, err := thresholds.Parse(condition)
		if err != nil {
			t.Fatal(err)
		}
		if got := checkThreshold(c, measured); got.OK != want || !got.Measured {
			t.Errorf("%s: %+v, want %v", condition, got, want)
		}
	}
}

func TestThresholds_failWithoutMeasurement(t *testing.T) {
	for _, metric := range Metrics() {
		c, err := thresholds.Parse(metric + ">=0")
		if err != nil {
			t.Fatal(err)
		}
		got := checkThreshold(c, &Report{})
		if counted := metric == "clients" || metric == "errors" || metric == "reconnects"; got.OK != counted {
			t.Errorf("%s of an empty report: %+v", metric, got)
		}
	}
}
