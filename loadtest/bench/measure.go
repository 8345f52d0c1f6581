//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tactus/loadtest"
)

// target is a server under measurement.
type target interface {
	pid() int
	url() string
	stop()
}

// load is what bots do to a target.
type load struct {
	game, mode string
	clients    int
	perMatch   int // 0: bots search like any player
	window     time.Duration
	extra      []string // further flags of the load tester
}

// arrivals is how many bots join a second, and warmUp how long they play before the
// window opens. Joining is a load of its own. A server that gave something up for the
// joins of a crowd has recovered when the longer warm-up ends.
const (
	arrivals    = 400
	warmUp      = 2 * time.Second
	crowdFrom   = 2000
	crowdWarmUp = 8 * time.Second
)

func (l load) warmUp() time.Duration {
	if l.clients >= crowdFrom {
		return crowdWarmUp
	}
	return warmUp
}

// rampTime is the time over which the bots join.
func (l load) rampTime() time.Duration {
	return max(time.Duration(l.clients)*time.Second/arrivals, 100*time.Millisecond)
}

// measure plays on a target with bots in a process of their own.
func measure(ctx context.Context, s target, l load, cpu string) (*loadtest.Report, error) {
	name := fmt.Sprintf("loadtest-%d-%d", s.pid(), l.clients) // several may be measured at once
	file := filepath.Join(cacheDir, name+".json")
	args := []string{
		"loadtest", "--url", s.url(), "--game", l.game, "--mode", l.mode,
		"--players", strconv.Itoa(l.clients), "--per-match", strconv.Itoa(l.perMatch), "--duration", l.window.String(),
		"--ramp", l.rampTime().String(), "--warm-up", l.warmUp().String(), "--seed", "1",
		"--server-pid", strconv.Itoa(s.pid()), "--json", file,
	}
	if _, err := os.Stat(certFile); err == nil {
		args = append(args, "--tls-ca", certFile)
	}
	if err := run(ctx, name, cpu, program, append(args, l.extra...)...); err != nil {
		return nil, err
	}
	r, err := readReport(file)
	if err != nil {
		return nil, err
	}
	return r, errors.Join(os.Remove(file), os.Remove(filepath.Join(cacheDir, name+".log")))
}

func readReport(file string) (*loadtest.Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r loadtest.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if r.CPUPerClientTickUS == nil {
		return nil, fmt.Errorf("%s: the server's CPU time is missing", file)
	}
	return &r, nil
}
