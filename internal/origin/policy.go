// Package origin says which pages may call. The matchmaker's CORS and the game
// server's WebSocket upgrade ask the same functions.
package origin

import (
	"errors"
	"net"
	"net/netip"
	"strings"
)

// Policy says which pages of other hosts may call. The zero value allows none.
// It does not change after [NewPolicy] and may be used by any goroutine.
type Policy struct {
	any       bool
	exact     map[string]bool
	wildcards []wildcard
	local     Local
}

// wildcard stands for every origin with one more label in front of the host.
type wildcard struct{ scheme, parent string } // parent: ".example.com:8443"

// Local says which names of this machine count as one origin.
type Local int

// Values of [Local].
const (
	// Distinct compares names as they are.
	Distinct Local = iota
	// Loopback takes localhost and all loopback addresses as one host.
	Loopback
	// Machine takes the machine's own addresses as the same host, too.
	Machine
)

// NewPolicy reads what an operator allows. The error names every mistake. An entry
// has one of these forms:
//   - an origin: "https://play.example.com", or "capacitor://localhost" and the like
//     of app shells.
//   - a host name alone: allowed by http and https.
//   - a wildcard: "https://*.example.com" stands for one more label.
//   - "null" or "file://": pages without an origin.
//   - "*": all origins.
func NewPolicy(entries []string, local Local) (*Policy, error) {
	p := &Policy{exact: make(map[string]bool), local: local}
	var mistakes []error
	for _, text := range entries {
		if err := p.add(text); err != nil {
			mistakes = append(mistakes, &mistake{text, err})
		}
	}
	return p, errors.Join(mistakes...)
}

// Allows reports whether a page may call. host is the Host of its request.
func (p *Policy) Allows(origin, host string) bool {
	if p == nil {
		return false
	}
	if p.any {
		return true
	}
	o, ok := parse(origin)
	if !ok {
		return false
	}
	if p.exact[o.String()] {
		return true
	}
	for _, w := range p.wildcards {
		if w.matches(o) {
			return true
		}
	}
	return p.sameMachine(o, host)
}

func (w wildcard) matches(o parsed) bool {
	label, ok := strings.CutSuffix(o.hostPort(), w.parent)
	return ok && o.scheme == w.scheme && label != "" && !strings.Contains(label, ".")
}

// SameHost reports whether a page came from the host that its request names. A
// proxy may have ended TLS, so that only host and port count.
func SameHost(origin, host string) bool {
	o, ok := parse(origin)
	if !ok || o.host == "" {
		return false
	}
	name, port, ok := SplitHost(host)
	return ok && name == o.host && withDefault(port, o.scheme) == withDefault(o.port, o.scheme)
}

// sameMachine reports whether origin and host name this machine and one port.
func (p *Policy) sameMachine(o parsed, host string) bool {
	if p.local == Distinct || o.scheme != "http" && o.scheme != "https" {
		return false
	}
	name, port, ok := SplitHost(host)
	return ok && withDefault(port, o.scheme) == withDefault(o.port, o.scheme) && p.isLocal(o.host) && p.isLocal(name)
}

func (p *Policy) isLocal(name string) bool {
	return IsLoopback(name) || p.local == Machine && IsOwnAddress(name)
}

// IsLoopback reports whether a host name or address, without a port, can only
// be this machine (RFC 6761, 6.3).
func IsLoopback(name string) bool {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}

// IsPublicName reports whether a host is a name that other machines can have a
// certificate for: no address, no name of this machine, no single label.
func IsPublicName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || IsLoopback(name) {
		return false
	}
	return validName(strings.ToLower(name)) && strings.Contains(strings.TrimSuffix(name, "."), ".")
}

// IsOwnAddress reports whether an interface of this machine has the address.
func IsOwnAddress(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && IsOwn(ip)
}

// IsOwn reports whether an address is one of this machine's.
func IsOwn(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap().WithZone("") == ip {
			return true
		}
	}
	return false
}
