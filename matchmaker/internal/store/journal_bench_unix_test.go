//go:build unix

package store_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/store"
)

// BenchmarkJournalAppend measures an append of 200 bytes, pipelined, embedded:
// cpu-us/op is of the whole process, server included.
func BenchmarkJournalAppend(b *testing.B) {
	s, err := store.Open(b.Context(), store.Config{}, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	j, _, err := s.OpenJournal(b.Context(), "q", 1)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	value := make([]byte, 200)
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("ticket-%06d", i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := processTime(b)
	var last *store.Pending
	for i := range b.N {
		last = j.Append(keys[i%len(keys)], value, 0)
		if i%1000 == 999 {
			<-last.Done() // a queue does not run far ahead of its journal
		}
	}
	<-last.Done()
	b.StopTimer()
	if err := last.Err(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((processTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// processTime is what the process has used of all cores.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
