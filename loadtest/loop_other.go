//go:build !linux

package loadtest

// newLoop returns the loop for plain TCP connections.
func newLoop(c clock, w *window) (loop, error) { return newStreamLoop(c, w), nil }
