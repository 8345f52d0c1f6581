//go:build !linux

package engine

import "net"

// New returns the engine for the connections that it [Serves].
func New(cfg Config) Engine { return NewPortable(cfg) }

// Serves reports whether the engine of [New] can serve a connection.
func Serves(net.Conn) bool { return true }
