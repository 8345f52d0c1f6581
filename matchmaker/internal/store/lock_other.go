//go:build !unix

package store

// lockFile does nothing: this system has no file locks.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
