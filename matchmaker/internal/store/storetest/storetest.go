// Package storetest gives tests a store: embedded, or on NATS nodes of their
// own, in processes that can be killed.
package storetest

import (
	"testing"

	"go.uber.org/zap/zaptest"

	"tactus/matchmaker/internal/store"
)

// Embedded is a store that ends with the test.
func Embedded(t testing.TB) *store.Store {
	t.Helper()
	return Open(t, store.Config{})
}

// Open opens a store that ends with the test.
func Open(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
