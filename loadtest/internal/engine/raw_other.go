//go:build !linux

package engine

// New returns the engine for TCP connections.
func New(cfg Config) Engine { return NewPortable(cfg) }
