//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tactus/loadtest"
	"tactus/loadtest/workload"
	"tactus/protocol"
)

func TestFloorFrames_areReadByLoadTester(t *testing.T) {
	for _, size := range []int{60, 127, 130, 800, 70_000} {
		welcome, frame, err := floorFrames(floorPlan{game: workload.Rooms, groups: 1, bytes: size})
		if err != nil {
			t.Fatal(err)
		}
		if w, err := protocol.ParseWelcome(welcome[4:]); err != nil || w.Rate != workload.RoomsRate {
			t.Errorf("welcome: rate %d, %v", w.Rate, err)
		}
		head := len(frame) - payloadOf(size)
		if h, err := protocol.ParseSnapshotHeader(frame[head:]); err != nil || h.Tick != 1<<16 || h.Ack != 1<<16 {
			t.Errorf("frame of %d: %+v, %v", size, h, err)
		}
		if len(frame) != size {
			t.Errorf("frame of %d bytes, want %d", len(frame), size)
		}
	}
}

// The floor is real C under the real load tester.
func TestFloor_playsWithLoadTester(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	source, err := filepath.Abs("../floor/floor.c")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, dir := range []string{"bin", cacheDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(cc, "-Wall", "-Wextra", "-Werror", "-o", "bin/floor", source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const size = 90
	f, err := startFloor(t.Context(), floorPlan{game: workload.Rooms, groups: 3, bytes: size}, none)
	if err != nil {
		t.Fatal(err)
	}
	defer f.stop()
	report, err := loadtest.Run(t.Context(), loadtest.Config{
		URL: f.url(), Players: 8, Ramp: 50 * time.Millisecond, WarmUp: 100 * time.Millisecond, Duration: time.Second,
		ServerPID: f.pid(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Clients != 8 || len(report.Errors) != 0 || report.EchoMS.P50 == 0 || report.CPUPerClientTickUS == nil {
		t.Errorf("got %+v", report)
	}
	if got := frameBytes(report); got < size*95/100 || got > size*105/100 {
		t.Errorf("frames of %d bytes, want about %d", got, size)
	}
}
