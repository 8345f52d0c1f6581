//go:build !linux

package watchdog

// Debugged reports false: this system does not say whether a debugger is attached.
func Debugged() bool { return false }
