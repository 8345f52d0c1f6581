// Package storetest provides stores for tests: embedded, or on NATS nodes in processes
// that a test can kill.
package storetest

import (
	"testing"

	"go.uber.org/zap/zaptest"

	"tactus/matchmaker/internal/store"
)

// Embedded opens a store with an embedded server. It ends with the test.
func Embedded(t testing.TB) *store.Store {
	t.Helper()
	return Open(t, store.Config{})
}

// Open opens a store. It ends with the test.
func Open(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
