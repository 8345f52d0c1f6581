//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
)

func TestProcess_isMeasured(t *testing.T) {
	if size, err := residentMemory(os.Getpid()); err != nil || size < 1<<20 {
		t.Errorf("resident: %d bytes, %v", size, err)
	}
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, err := cpuTime(-1); err == nil {
		t.Error("no process has the id -1")
	}
}

func TestRun_quotesChildThatFails(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), "child", none, "sh", "-c", "echo the disk is full; exit 3")
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestProcess_stops(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := start("sleeper", none, "sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	select {
	case <-p.done:
	default:
		t.Error("the child still runs")
	}
}
