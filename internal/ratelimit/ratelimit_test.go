package ratelimit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

func TestLimiter_allowsABurstThenItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(2, 3, 10)
		for i := range 3 {
			if !l.Allow("a") {
				t.Fatalf("refused number %d of the burst", i+1)
			}
		}
		if l.Allow("a") {
			t.Fatal("more than the burst")
		}
		if !l.Allow("b") {
			t.Fatal("keys share a bucket")
		}
		testtime.Sleep(500 * time.Millisecond)
		if !l.Allow("a") || l.Allow("a") {
			t.Fatal("half a second gives one token")
		}
	})
}

func TestLimiter_memoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(1, 1, 100)
		for i := range 1000 {
			l.Allow(fmt.Sprint(i))
		}
		if len(l.byKey) > 100 || l.used.Len() != len(l.byKey) {
			t.Errorf("%d keys", len(l.byKey))
		}
		testtime.Sleep(time.Minute) // all buckets are full again
		l.Allow("new")
		if len(l.byKey) != 1 {
			t.Errorf("%d keys after a minute", len(l.byKey))
		}
	})
}

func TestLimiter_negativeRateNeverRefuses(t *testing.T) {
	l := New(-1, 1, 1)
	for range 100 {
		if !l.Allow("a") {
			t.Fatal("refused")
		}
	}
}

func TestAddressKey_isOneSubscriber(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7:4711":         "203.0.113.7 false",
		"203.0.113.7":              "203.0.113.7 false",
		"127.0.0.1:80":             "127.0.0.1 true",
		"[::1]:80":                 "::/64 true",
		"[::ffff:203.0.113.7]:443": "203.0.113.7 false",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::/64 false",
		"[fe80::1%eth0]:80":        "fe80::/64 false",
		"bufconn":                  "bufconn false",
	} {
		key, loopback := AddressKey(address)
		if got := fmt.Sprint(key, " ", loopback); got != want {
			t.Errorf("AddressKey(%q) = %s, want %s", address, got, want)
		}
	}
}

func TestLimiter_everyIsTheTimeOfOneToken(t *testing.T) {
	for perSecond, want := range map[float64]time.Duration{2: time.Second / 2, 0.001: 1000 * time.Second, -1: 0} {
		if got := New(perSecond, 1, 1).Every(); got != want {
			t.Errorf("%v per second: one takes %s, want %s", perSecond, got, want)
		}
	}
}
