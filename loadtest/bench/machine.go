//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// machine describes where and with what a result was measured.
type machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryGB int    `json:"memory_gb"`
	Kernel   string `json:"kernel"`
	Go       string `json:"go"`
	CC       string `json:"cc,omitempty"`
	Node     string `json:"node,omitempty"`
	Commit   string `json:"commit"`
	Pinned   bool   `json:"pinned"` // server and load tester had a core each
}

func describeMachine(ctx context.Context, pinned bool) machine {
	return machine{
		CPU: procField("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		MemoryGB: megabytes(procField("/proc/meminfo", "MemTotal")) / 1000,
		Kernel:   firstLineOf(ctx, "uname", "-sr"), Go: runtime.Version(),
		CC: firstLineOf(ctx, "cc", "--version"), Node: firstLineOf(ctx, "node", "--version"),
		Commit: firstLineOf(ctx, "git", "rev-parse", "--short", "HEAD"), Pinned: pinned,
	}
}

// procField reads "name : value" from a file of /proc, empty without it.
func procField(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// megabytes converts a text like "16384 kB".
func megabytes(text string) int {
	kb, _, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(kb)
	if err != nil {
		return 0
	}
	return n / 1000
}

// firstLineOf returns the first line of a command's output, empty without the command.
func firstLineOf(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
