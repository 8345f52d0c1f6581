package ratelimit

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

func TestLimiter_allowsABurstThenItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](2, 3, 10)
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
		l := New[string](1, 1, 100)
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
	l := New[string](-1, 1, 1)
	for range 100 {
		if !l.Allow("a") {
			t.Fatal("refused")
		}
	}
}

func TestLimiter_reservesInAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New[string](2, 1, 10)
		for i, want := range []time.Duration{0, 500 * time.Millisecond, time.Second} {
			if wait, ok := l.Reserve("a", time.Second); !ok || wait != want {
				t.Fatalf("number %d waits %s (%v), want %s", i+1, wait, ok, want)
			}
		}
		if wait, ok := l.Reserve("a", time.Second); ok || wait != 1500*time.Millisecond {
			t.Fatalf("beyond its patience: %s %v", wait, ok)
		}
		l.Return("a")
		if wait, ok := l.Reserve("a", time.Second); !ok || wait != time.Second {
			t.Fatalf("with a token returned: %s %v", wait, ok)
		}
	})
}

func TestAddressOf_isOneSubscriber(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7":          "203.0.113.7/32 203.0.113.7/32",
		"::ffff:203.0.113.7":   "203.0.113.7/32 203.0.113.7/32",
		"2001:db8:1:2fff::5":   "2001:db8:1:2fff::/64 2001:db8:1:2f00::/56",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64 2001:db8:1::/56",
		"fe80::1%eth0":         "fe80::/64 fe80::/56",
	} {
		a := AddressOf(netip.MustParseAddr(address))
		if got := fmt.Sprint(a.Narrow, " ", a.Wide); got != want {
			t.Errorf("AddressOf(%s) = %s, want %s", address, got, want)
		}
	}
	if a, b := AddressOf(netip.Addr{}), AddressOf(netip.MustParseAddr("::1")); a == b || a.Is6() {
		t.Errorf("no address is %v", a)
	}
}

func TestAddresses_limitTheNetworkOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewAddresses(1, 2, 3)
		allowed := 0
		for i := range 256 {
			for range 3 {
				a := AddressOf(netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i)))
				if _, ok := l.Reserve(a, 0); ok {
					allowed++
				}
			}
		}
		if allowed != 4 {
			t.Errorf("a /56 got %d tokens, want 4", allowed)
		}
		if n := len(l.narrow.byKey); n > 3 {
			t.Errorf("%d keys", n)
		}
	})
}

func TestLimiter_everyIsTheTimeOfOneToken(t *testing.T) {
	for perSecond, want := range map[float64]time.Duration{2: time.Second / 2, 0.001: 1000 * time.Second, -1: 0} {
		if got := New[string](perSecond, 1, 1).Every(); got != want {
			t.Errorf("%v per second: one takes %s, want %s", perSecond, got, want)
		}
	}
}
