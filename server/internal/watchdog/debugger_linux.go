package watchdog

import (
	"bytes"
	"os"
)

// Debugged reports whether a debugger traces this process.
func Debugged() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && traced(status)
}

// traced reports what a file /proc/PID/status says (proc(5), TracerPid).
func traced(status []byte) bool {
	_, tracer, found := bytes.Cut(status, []byte("\nTracerPid:"))
	pid, _, _ := bytes.Cut(tracer, []byte("\n"))
	return found && string(bytes.TrimSpace(pid)) != "0"
}
