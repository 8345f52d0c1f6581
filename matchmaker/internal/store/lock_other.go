//go:build !unix

package store

// lockFile has no lock to offer on this system.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
