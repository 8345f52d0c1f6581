package main

import (
	"strings"
	"testing"
)

func TestRun_hasTheMetricsOfBothParts(t *testing.T) {
	var table strings.Builder
	if err := run(&table); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		"| `tactus_clock_offset_seconds` | gauge | `side`, `peer` |",
		"| `tactus_closed_total` | counter | `code` |",
		"| `tactus_matchmaker_players_searching` | gauge | `queue` |",
		"| `tactus_matchmaker_wait_seconds` | histogram | `queue` |",
		"| `tactus_stood_still_seconds_total` | counter |  |",
		"| `tactus_tick_seconds` | histogram |  |",
	} {
		if !strings.Contains(table.String(), "\n"+row) {
			t.Errorf("no row %s in\n%s", row, table.String())
		}
	}
}
