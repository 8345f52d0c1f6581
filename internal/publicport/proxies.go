package publicport

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Proxies says which peers are proxies that name the client's address.
type Proxies struct {
	// Trusted are the proxies: CIDR, single address, or "private" for all private and
	// loopback addresses. X-Forwarded-For, -Proto and -Host count from these only.
	Trusted []string
	// Protocol requires a PROXY header, version 1 or 2, from trusted peers, and rejects
	// all others.
	Protocol bool
	// Hops takes the entry of X-Forwarded-For at this position from the right instead of
	// the first that is not trusted. 0: off.
	//
	// Deprecated: list the proxies in Trusted.
	Hops int
}

// Private stands for all private and loopback addresses in [Proxies].
const Private = "private"

var privatePrefixes = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7"),
}

func (p Proxies) validate() error {
	_, err := ParseNetworks(p.Trusted)
	switch {
	case err != nil:
		return fmt.Errorf("trusted proxies: %w", err)
	case p.Protocol && len(p.Trusted) == 0:
		return errors.New("the PROXY protocol needs trusted proxies")
	case p.Hops < 0:
		return fmt.Errorf("forwarded hops are %d, at least 0", p.Hops)
	}
	return nil
}

// trusted are the Networks of the proxies. Hops without proxies mean private ones.
func (p Proxies) trusted() Networks {
	if p.Hops > 0 && len(p.Trusted) == 0 {
		return privatePrefixes
	}
	list, _ := ParseNetworks(p.Trusted) // validate has checked them
	return list
}

// Networks is a set of addresses. It is safe for concurrent use.
type Networks []netip.Prefix

// ParseNetworks parses networks in CIDR notation, single addresses, and [Private].
func ParseNetworks(texts []string) (Networks, error) {
	var list Networks
	for _, text := range texts {
		switch text = strings.TrimSpace(text); {
		case text == Private:
			list = append(list, privatePrefixes...)
		case strings.Contains(text, "/"):
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", text)
			}
			list = append(list, prefix.Masked())
		default:
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is not an address or a network such as 10.0.0.0/8", text)
			}
			addr = addr.Unmap().WithZone("")
			list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return list, nil
}

// Contain reports whether the address is in one of the networks.
func (p Networks) Contain(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// walk returns the client's address behind the peer: it reads X-Forwarded-For from the
// right, skips trusted proxies, and ends at the first other address, or at the last good
// one before an entry that is not an address.
func (p Networks) walk(peer netip.Addr, forwardedFor []string) netip.Addr {
	client := peer
	for _, rest := range slices.Backward(forwardedFor) {
		for more := true; more; {
			if !p.Contain(client) {
				return client
			}
			var entry string
			at := strings.LastIndexByte(rest, ',')
			entry, more = rest[at+1:], at >= 0
			rest = rest[:max(at, 0)]
			addr, ok := parseForwarded(entry)
			if !ok {
				return client
			}
			client = addr
		}
	}
	return client
}

// nth returns the Nth entry from the right, the peer if there is none.
func nth(peer netip.Addr, forwardedFor []string, n int) netip.Addr {
	entries := strings.Split(strings.Join(forwardedFor, ","), ",")
	if at := len(entries) - n; at >= 0 {
		if addr, ok := parseForwarded(entries[at]); ok {
			return addr
		}
	}
	return peer
}

// parseForwarded parses an entry: an address, in brackets or not, with or without a port.
func parseForwarded(entry string) (netip.Addr, bool) {
	entry = strings.TrimSpace(entry)
	if withPort, err := netip.ParseAddrPort(entry); err == nil {
		return clean(withPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(entry, "["); ok {
		entry = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(entry)
	return clean(addr), err == nil
}

// clean is the address without what makes one address look like two.
func clean(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
