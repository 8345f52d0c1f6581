package publicport

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pires/go-proxyproto"
)

func TestNetworks_walkFromTheRight(t *testing.T) {
	trusted, err := ParseNetworks([]string{"10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		peer   string
		header []string
		want   string
	}{
		"nothing":                   {"10.0.0.1", nil, "10.0.0.1"},
		"peer not trusted":          {"203.0.113.9", []string{"198.51.100.1"}, "203.0.113.9"},
		"one proxy":                 {"10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		"forged leftmost":           {"10.0.0.1", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		"forged loopback":           {"10.0.0.1", []string{"198.51.100.1, 127.0.0.1, 198.51.100.2"}, "198.51.100.2"},
		"two proxies":               {"10.0.0.1", []string{"6.6.6.6, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"two headers":               {"10.0.0.1", []string{"6.6.6.6", "198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"malformed ends the walk":   {"10.0.0.1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"empty entry ends the walk": {"10.0.0.1", []string{"198.51.100.1, , 10.0.0.2"}, "10.0.0.2"},
		"port":                      {"10.0.0.1", []string{"198.51.100.1:443"}, "198.51.100.1"},
		"IPv6 with port":            {"10.0.0.1", []string{"[2001:db8::1]:443, 2001:db8:ffff::7"}, "2001:db8::1"},
		"IPv6 in brackets":          {"10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv4 in IPv6":              {"10.0.0.1", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		"all trusted":               {"10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := trusted.walk(netip.MustParseAddr(tt.peer), tt.header); got.String() != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseNetworks_namesTheMistake(t *testing.T) {
	for _, text := range []string{"10.0.0.0/33", "proxy.example", "10.0.0", ""} {
		if _, err := ParseNetworks([]string{text}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	private, err := ParseNetworks([]string{Private})
	if err != nil || !private.Contain(netip.MustParseAddr("192.168.1.1")) || !private.Contain(netip.MustParseAddr("::1")) || private.Contain(netip.MustParseAddr("8.8.8.8")) {
		t.Errorf("private: %v %v", private, err)
	}
}

func version2(t testing.TB, command proxyproto.ProtocolVersionAndCommand, family proxyproto.AddressFamilyAndProtocol, source string) string {
	t.Helper()
	h := &proxyproto.Header{Version: 2, Command: command, TransportProtocol: family}
	if source != "" {
		from := netip.MustParseAddrPort(source)
		h.SourceAddr, h.DestinationAddr = tcpAddr(from), tcpAddr(from)
	}
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReadProxyHeader_versions(t *testing.T) {
	for name, tt := range map[string]struct {
		header string
		want   string // "": the header names no client; "error"
	}{
		"1 IPv4":         {"PROXY TCP4 198.51.100.1 10.0.0.1 1 2\r\n", "198.51.100.1"},
		"1 IPv6":         {"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "2001:db8::1"},
		"1 unknown":      {"PROXY UNKNOWN\r\n", ""},
		"1 unknown long": {"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""},
		"1 garbage":      {"PROXY TCP4 nonsense\r\n", "error"},
		"1 without end":  {"PROXY " + strings.Repeat("x", 200), "error"},
		"2 IPv4":         {version2(t, proxyproto.PROXY, proxyproto.TCPv4, "198.51.100.1:5"), "198.51.100.1"},
		"2 IPv6":         {version2(t, proxyproto.PROXY, proxyproto.TCPv6, "[2001:db8::1]:5"), "2001:db8::1"},
		"2 local":        {version2(t, proxyproto.LOCAL, proxyproto.UNSPEC, ""), ""},
		"2 unspecified":  {string(version2Start) + "\x21\x00\x00\x00", ""},
		"2 too long":     {string(version2Start) + "\x21\x11\xff\xff", "error"},
		"no header":      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "error"},
		"empty":          {"", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			// One byte at a time: proxies may send a header in pieces.
			rest := strings.NewReader(tt.header + "rest")
			if tt.want == "error" {
				rest = strings.NewReader(tt.header)
			}
			addr, named, err := readProxyHeader(iotest.OneByteReader(rest))
			switch {
			case tt.want == "error":
				if err == nil {
					t.Fatalf("accepted as %s", addr)
				}
				return
			case err != nil:
				t.Fatal(err)
			case named != (tt.want != "") || named && addr.String() != tt.want:
				t.Errorf("%s %v, want %s", addr, named, tt.want)
			}
			if rest.Len() != len("rest") {
				t.Errorf("%d bytes left, want 4: no byte behind the header is read", rest.Len())
			}
		})
	}
}

func FuzzReadProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 198.51.100.1 10.0.0.1 1 2\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(version2(f, proxyproto.PROXY, proxyproto.TCPv6, "[2001:db8::1]:5")))
	f.Add([]byte(version2(f, proxyproto.LOCAL, proxyproto.UNSPEC, "")))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, pieces := bytes.NewReader(b), bytes.NewReader(b)
		a, named, err := readProxyHeader(whole)
		a2, named2, err2 := readProxyHeader(iotest.OneByteReader(pieces))
		if a != a2 || named != named2 || (err == nil) != (err2 == nil) || whole.Len() != pieces.Len() {
			t.Fatalf("whole %s %v %v, in pieces %s %v %v", a, named, err, a2, named2, err2)
		}
		if named && (err != nil || !a.IsValid() || a.Is4In6() || a.Zone() != "") {
			t.Fatalf("address %s, error %v", a, err)
		}
	})
}

func FuzzNetworks_walk(f *testing.F) {
	f.Add("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "10.0.0.0/8")
	f.Add("10.0.0.1", "[2001:db8::1]:443,,x", "private")
	f.Add("203.0.113.1", "127.0.0.1", "127.0.0.1")
	f.Fuzz(func(t *testing.T, from, header, networks string) {
		peer, err := netip.ParseAddr(from)
		if err != nil {
			return
		}
		peer = clean(peer)
		trusted, err := ParseNetworks(strings.Split(networks, ";"))
		if err != nil {
			return
		}
		got := trusted.walk(peer, []string{header})
		if !trusted.Contain(peer) && got != peer {
			t.Fatalf("%s was believed without being trusted: %s", peer, got)
		}
		if got != peer && !slices.ContainsFunc(strings.Split(header, ","), func(entry string) bool {
			a, ok := parseForwarded(entry)
			return ok && a == got
		}) {
			t.Fatalf("%s is not in %q", got, header)
		}
		// What stands left of the first address that is not trusted can't change the answer.
		if !trusted.Contain(got) {
			if again := trusted.walk(peer, []string{"127.0.0.1, 6.6.6.6," + header}); again != got {
				t.Fatalf("a forged prefix changed %s to %s", got, again)
			}
		}
	})
}
