package loadtest

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestParseStat_readsTimeBehindAnyProgramName(t *testing.T) {
	const stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 7 7 20 0 9 0 1000 0 0"
	got, err := parseStat([]byte(stat))
	if err != nil || got != 2*time.Second {
		t.Errorf("%v, %v; want 2s", got, err)
	}
	if _, err := parseStat([]byte("42 (a) S 1 2")); !errors.Is(err, errStat) {
		t.Errorf("a short line: %v, want %v", err, errStat)
	}
}

func TestServerCPU_readsProcess(t *testing.T) {
	if _, err := serverCPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	if own, err := ownCPU(); err != nil || own <= 0 {
		t.Errorf("own CPU time %v, %v; want some", own, err)
	}
	if _, err := serverCPU(1 << 30); err == nil {
		t.Error("no error for a process that is not there")
	}
}

func TestParseStolen_readsTimeOfTheHost(t *testing.T) {
	const stat = "cpu  389731 1561 104607 1059060 1113 0 43126 13456 0 0\n" +
		"cpu0 176265 785 55498 540055 615 0 21418 7890 0 0\ncpu1 213466 776 49109 519005 498 0 21708 5566 0 0\nintr 1 2 3\n"
	if got := parseStolen([]byte(stat)); got.time != 134560*time.Millisecond || got.processors != 2 {
		t.Errorf("got %+v", got)
	}
	if got := parseStolen([]byte("cpu 1 2 3\n")); got != (stolen{}) {
		t.Errorf("a short line: %+v", got)
	}
	if share := WatchStolen()(); share < 0 || share > 1 {
		t.Errorf("a share of %v", share)
	}
}
