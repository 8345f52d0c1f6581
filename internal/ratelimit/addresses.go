package ratelimit

import (
	"net/netip"
	"time"
)

// Address is a network address as limits see it: one subscriber has an IPv4 address or
// an IPv6 /64, and easily gets the whole /56.
type Address struct {
	// Narrow is the IPv4 address or the /64.
	Narrow netip.Prefix
	// Wide is the IPv4 address or the /56.
	Wide netip.Prefix
}

const (
	narrowBits = 64
	wideBits   = 56
)

// AddressOf returns what limits see of an address. The zero Addr is an address of its
// own.
func AddressOf(a netip.Addr) Address {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		whole := netip.PrefixFrom(a, a.BitLen())
		return Address{whole, whole}
	}
	narrow, _ := a.Prefix(narrowBits) // an IPv6 address has these bits
	wide, _ := a.Prefix(wideBits)
	return Address{narrow, wide}
}

// Is6 reports whether Wide holds more than Narrow.
func (a Address) Is6() bool { return a.Narrow != a.Wide }

// Addresses limits addresses: each IPv4 address and /64 by a rate, and each /56 by
// twice that rate. It is safe for concurrent use.
type Addresses struct {
	narrow, wide *Limiter[netip.Prefix]
}

// NewAddresses makes a limiter of addresses. With a negative perSecond it never refuses.
func NewAddresses(perSecond float64, burst, keys int) *Addresses {
	return &Addresses{New[netip.Prefix](perSecond, burst, keys), New[netip.Prefix](2*perSecond, 2*burst, keys)}
}

// Reserve is [Limiter.Reserve]. It asks the /56 first: a flood of its /64s then makes no
// keys that would drive other addresses out of memory.
func (l *Addresses) Reserve(a Address, patience time.Duration) (wait time.Duration, ok bool) {
	if a.Is6() {
		if wait, ok = l.wide.Reserve(a.Wide, patience); !ok {
			return wait, false
		}
	}
	narrow, ok := l.narrow.Reserve(a.Narrow, patience)
	if !ok && a.Is6() {
		l.wide.Return(a.Wide)
	}
	return max(wait, narrow), ok
}

// Return gives one token of the address back.
func (l *Addresses) Return(a Address) {
	l.narrow.Return(a.Narrow)
	if a.Is6() {
		l.wide.Return(a.Wide)
	}
}

// Every is the time in which an IPv4 address or a /64 gets one token.
func (l *Addresses) Every() time.Duration { return l.narrow.Every() }
