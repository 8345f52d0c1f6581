package testtime_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

func TestSleep_passesFakeTimeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		testtime.Sleep(time.Hour)
		if passed := time.Since(start); passed != time.Hour {
			t.Errorf("%s passed", passed)
		}
	})
	defer func() {
		if recover() == nil {
			t.Error("slept in real time")
		}
	}()
	testtime.Sleep(time.Nanosecond)
}

func TestUntil_waitsForTheCondition(t *testing.T) {
	calls := 0
	testtime.Until(t, "the third call", func() bool {
		calls++
		return calls == 3
	})
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
}
