//go:build linux

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// profiled returns the loads under which the server is profiled.
func profiled(s *suite) []struct {
	name  string
	load  load
	flags []string // of the server
} {
	full := rooms(s).load
	full.clients = 2400
	return []struct {
		name  string
		load  load
		flags []string
	}{
		{"W1", rooms(s).load, nil},
		{"W1, 2400 clients", full, nil},
		{"W2", crowd(s).load, nil},
		{"W5, 2400 players", load{game: worldGame, mode: worldMode, clients: 2400}, []string{"--option", "seconds=0"}},
	}
}

// profile measures where the server's time goes, by perf's samples.
func (s *suite) profile(ctx context.Context) (*result, error) {
	if _, err := exec.LookPath("perf"); err != nil {
		return nil, fmt.Errorf("perf is needed (on Debian: apt-get install linux-perf): %w", err)
	}
	window := max(s.window/4, 2*time.Second)
	r := s.result("profile", "where the server's time goes", window)
	for _, p := range profiled(s) {
		p.load.window = window
		shares, err := s.sample(ctx, p.load, p.flags)
		if err != nil {
			return nil, fmt.Errorf("profile of %s: %w", p.name, err)
		}
		r.Shares = append(r.Shares, loadProfile{Load: p.name, Parts: shares})
	}
	r.Notes = append(r.Notes,
		"shares of samples; sampling itself costs some time, mostly in the kernel",
		"the kernel's send and receive are the floor's, too: the other lines are all that could be saved")
	return r, nil
}

// loadProfile is the profile of the server under one load.
type loadProfile struct {
	Load  string             `json:"load"`
	Parts map[string]float64 `json:"parts"` // share of the samples
}

// sample puts a server under load and counts perf's samples by part.
func (s *suite) sample(ctx context.Context, l load, flags []string) (map[string]float64, error) {
	s.say("%s with perf, %s, %d clients, %v", tactusName, l.mode, l.clients, l.window)
	t, err := startTactus(ctx, s.pins, flags...)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	done := make(chan error, 1)
	go func() {
		_, err := measure(ctx, t, l, s.pins.load)
		done <- err
	}()
	timer := time.NewTimer(l.rampTime() + l.warmUp() + time.Second)
	defer timer.Stop()
	select {
	case err := <-done:
		return nil, errors.Join(errors.New("the load test ended before its window"), err)
	case <-timer.C:
	}
	data := filepath.Join(cacheDir, "perf.data")
	seconds := strconv.FormatFloat((l.window - time.Second).Seconds(), 'f', 1, 64)
	if err := run(ctx, "perf", s.pins.load, "perf", "record", "-F", "2500", "-g", "-o", data,
		"-p", strconv.Itoa(t.pid()), "--", "sleep", seconds); err != nil {
		return nil, err
	}
	if err := <-done; err != nil {
		return nil, err
	}
	return readSamples(ctx, data)
}

func readSamples(ctx context.Context, data string) (map[string]float64, error) {
	script := exec.CommandContext(ctx, "perf", "script", "-i", data, "-F", "ip,sym")
	out, err := script.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := script.Start(); err != nil {
		return nil, err
	}
	counts, err := countSamples(out)
	if err := errors.Join(err, script.Wait()); err != nil {
		return nil, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return nil, errors.New("perf took no samples")
	}
	shares := map[string]float64{}
	for part, n := range counts {
		shares[part] = float64(n) / float64(total)
	}
	return shares, nil
}

// countSamples reads the output of perf script: a paragraph for each sample, one
// function on each line, the innermost first.
func countSamples(r io.Reader) (map[string]int, error) {
	counts, stack := map[string]int{}, []string(nil)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 2:
			stack = append(stack, fields[1])
		case len(fields) == 0 && len(stack) > 0:
			counts[partOf(stack)]++
			stack = stack[:0]
		}
	}
	if len(stack) > 0 {
		counts[partOf(stack)]++
	}
	return counts, lines.Err()
}

// Parts of a profile.
const (
	partSend    = "kernel: send"
	partReceive = "kernel: receive"
	partKernel  = "kernel, other"
	partRuntime = "Go's runtime"
)

// partOf returns the part of the server that a stack is in. Parts of the kernel are
// named by the system call, parts of the program by its innermost package.
func partOf(stack []string) string {
	for _, name := range stack {
		switch {
		case strings.HasPrefix(name, "__x64_sys_sendto"), strings.HasPrefix(name, "__sys_sendto"), strings.HasPrefix(name, "__arm64_sys_sendto"):
			return partSend
		case strings.HasPrefix(name, "__x64_sys_recvfrom"), strings.HasPrefix(name, "__sys_recvfrom"), strings.HasPrefix(name, "__arm64_sys_recvfrom"):
			return partReceive
		case inKernel(name):
			return partKernel
		case strings.HasPrefix(name, "tactus/"):
			return packageOf(name)
		}
	}
	return partRuntime
}

// inKernel reports whether a function is one that all other ways into the kernel
// share.
func inKernel(name string) bool {
	return strings.HasPrefix(name, "do_syscall_64") || strings.HasPrefix(name, "entry_SYSCALL") ||
		strings.HasPrefix(name, "asm_") || strings.HasPrefix(name, "el0_")
}

// packageOf returns the last element of a function's package path.
func packageOf(function string) string {
	path := function
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		path = path[i+1:]
	}
	name, _, _ := strings.Cut(path, ".")
	switch {
	case strings.HasPrefix(function, "tactus/loadtest/workload"), strings.HasPrefix(function, "tactus/game"):
		return "rules, state and its hash"
	default:
		return name
	}
}

// sharesTable returns a table of the parts of all profiles, the largest first.
func sharesTable(profiles []loadProfile) (head []string, lines [][]string) {
	sums := map[string]float64{}
	head = []string{"part"}
	for _, p := range profiles {
		head = append(head, p.Load)
		for part, share := range p.Parts {
			sums[part] += share
		}
	}
	parts := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	for _, part := range parts {
		if sums[part] < 0.01*float64(len(profiles)) {
			continue
		}
		line := []string{part}
		for _, p := range profiles {
			line = append(line, fmt.Sprintf("%.1f %%", 100*p.Parts[part]))
		}
		lines = append(lines, line)
	}
	return head, lines
}
