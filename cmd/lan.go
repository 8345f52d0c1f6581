package tactuscmd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/mdp/qrterminal/v3"
)

// lanURLs returns the page's URLs for other machines in the network, in the order of
// addresses.
func lanURLs(secure bool, port int, addresses []netip.Addr) []string {
	urls := make([]string, 0, len(addresses))
	for _, ip := range addresses {
		urls = append(urls, scheme(secure)+"://"+net.JoinHostPort(ip.String(), strconv.Itoa(port))+"/")
	}
	return urls
}

// lanAddresses returns this machine's addresses in its networks. The address of the
// default route is first; IPv4 is before IPv6, since it is shorter to type.
func lanAddresses() []netip.Addr {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []netip.Addr
	for _, a := range found {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if ip := prefix.Addr().Unmap(); ip.IsGlobalUnicast() && !slices.Contains(list, ip) {
			list = append(list, ip)
		}
	}
	first := routedAddress()
	rank := func(ip netip.Addr) int {
		switch {
		case ip == first:
			return 0
		case ip.Is4():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return list
}

// routedAddress returns the source address of this machine's traffic to other networks.
// It sends nothing: it connects a UDP socket to an address reserved for documentation.
func routedAddress() netip.Addr {
	conn, err := net.Dial("udp4", "203.0.113.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = conn.Close() }()
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// printInvitation prints the page's URLs for other devices, the first as a QR code.
func printInvitation(w io.Writer, urls []string, secure bool) {
	if len(urls) == 0 {
		fmt.Fprintln(w, "This machine has no address in a network: no other device can play.")
		return
	}
	var text bytes.Buffer
	fmt.Fprintln(&text, "Play from other devices in this network:")
	for _, u := range urls {
		fmt.Fprintln(&text, "  "+u)
	}
	qrterminal.GenerateHalfBlock(urls[0], qrterminal.L, &text)
	if !secure {
		fmt.Fprintln(&text, "This is plain http: anyone in this network can play and read the traffic.")
	}
	fmt.Fprint(w, text.String())
}
