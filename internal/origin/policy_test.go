package origin

import (
	"net"
	"strings"
	"testing"
)

func policy(t *testing.T, local Local, entries ...string) *Policy {
	t.Helper()
	p, err := NewPolicy(entries, local)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPolicy_listedOrigins(t *testing.T) {
	for _, c := range []struct{ entry, allowed, refused string }{
		{"https://play.example.com", "https://play.example.com", "http://play.example.com"},
		{"https://play.example.com/", "https://play.example.com", "https://play.example.com.evil.example"},
		{" HTTPS://Play.Example.com ", "https://play.example.com", "https://evil.example"},
		{"https://play.example.com:443", "https://play.example.com", "https://play.example.com:8443"},
		{"https://play.example.com:8443", "https://play.example.com:8443", "https://play.example.com"},
		{"http://10.0.0.5:80", "http://10.0.0.5", "http://10.0.0.50"},
		{"http://[0:0::1]:8080", "http://[::1]:8080", "http://[::1]"},
		{"play.example.com", "http://play.example.com", "https://play.example.com:8443"},
		{"play.example.com:8443", "https://play.example.com:8443", "https://play.example.com"},
		{"https://bücher.example", "https://xn--bcher-kva.example", "https://bucher.example"},
		{"https://*.example.com", "https://a.example.com", "https://example.com"},
		{"https://*.example.com", "https://b.example.com", "https://a.b.example.com"},
		{"https://*.example.com", "https://b.example.com", "https://evilexample.com"},
		{"https://*.example.com", "https://b.example.com", "http://b.example.com"},
		{"*.example.com", "http://b.example.com", "https://b.example.com:444"},
		{"https://*.example.com:8443", "https://b.example.com:8443", "https://b.example.com"},
		{"http://*.localhost:8080", "http://game.localhost:8080", "http://game.localhost"},
		{"capacitor://localhost", "capacitor://localhost", "http://localhost"},
		{"ionic://localhost", "ionic://localhost", "capacitor://localhost"},
		{"tauri://localhost/", "tauri://localhost", "tauri://evil"},
		{"chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop", "chrome-extension://x"},
		{"null", "null", "https://null"},
		{"null", "file://", "file://host"},
		{"file://", "null", "http://file"},
		{"*", "https://anywhere.example", ""},
		{"*", "null", ""},
	} {
		p := policy(t, Distinct, c.entry)
		if !p.Allows(c.allowed, "host.example") {
			t.Errorf("%q does not allow %s", c.entry, c.allowed)
		}
		if c.refused != "" && p.Allows(c.refused, "host.example") {
			t.Errorf("%q allows %s", c.entry, c.refused)
		}
	}
}

func TestNewPolicy_rejectsBadEntries(t *testing.T) {
	for entry, want := range map[string]string{
		"":                              "want",
		"https://":                      "want",
		"https://play example.com":      "want",
		"https://host:port":             "want",
		"https://host:0":                "want",
		"1http://host":                  "want",
		"https://play.example.com/game": "no path",
		"https://ann@play.example.com":  "no path",
		"https://play.example.com?x=1":  "no path",
		"https://*.com":                 "public suffix",
		"https://*.co.uk":               "public suffix",
		"*.de":                          "public suffix",
		"https://*.3.4.5.6":             "public suffix",
		"https://*":                     "one whole label",
		"https://play-*.example.com":    "one whole label",
		"https://*.*.example.com":       "one whole label",
	} {
		_, err := NewPolicy([]string{"https://ok.test", entry}, Distinct)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", entry, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "ok.test") {
			t.Errorf("%q: a good entry is named: %v", entry, err)
		}
	}
}

func TestSameHost_comparesHostAndPort(t *testing.T) {
	for _, c := range []struct {
		origin, host string
		want         bool
	}{
		{"http://localhost:8080", "localhost:8080", true},
		{"http://localhost:8080", "LOCALHOST:8080", true},
		{"http://localhost:8080", "localhost:8081", false},
		{"http://localhost:8080", "127.0.0.1:8080", false},
		{"https://play.example.com", "play.example.com", true},
		{"https://play.example.com", "play.example.com:443", true},
		{"https://play.example.com", "play.example.com:80", false},
		{"http://[::1]:8080", "[0:0::1]:8080", true},
		{"null", "null", false},
		{"", "", false},
	} {
		if got := SameHost(c.origin, c.host); got != c.want {
			t.Errorf("origin %q, Host %q: %v", c.origin, c.host, got)
		}
	}
}

func TestPolicy_namesOfThisMachine(t *testing.T) {
	loopback := policy(t, Loopback)
	for _, c := range []struct {
		origin, host string
		want         bool
	}{
		{"http://localhost:8080", "127.0.0.1:8080", true},
		{"http://127.0.0.1:8080", "[::1]:8080", true},
		{"http://[::1]:8080", "localhost:8080", true},
		{"http://game.localhost:8080", "127.0.0.2:8080", true},
		{"http://localhost", "127.0.0.1", true},
		{"http://localhost:5173", "localhost:8080", false},
		{"http://localhost:8080", "play.example.com:8080", false},
		{"http://localhost.example.com:8080", "localhost:8080", false},
		{"http://127.0.0.1.example.com:8080", "127.0.0.1:8080", false},
		{"capacitor://localhost", "localhost", false},
	} {
		if got := loopback.Allows(c.origin, c.host); got != c.want {
			t.Errorf("origin %q, Host %q: %v", c.origin, c.host, got)
		}
		if policy(t, Distinct).Allows(c.origin, c.host) {
			t.Errorf("origin %q, Host %q: one origin where that was not asked for", c.origin, c.host)
		}
	}
	if loopback.Allows("http://192.0.2.77:8080", "127.0.0.1:8080") || policy(t, Machine).Allows("http://198.51.100.77:8080", "127.0.0.1:8080") {
		t.Error("an address of another machine counts as this one's")
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		own := "http://" + net.JoinHostPort(ip.String(), "8080")
		if !policy(t, Machine).Allows(own, "localhost:8080") || loopback.Allows(own, "localhost:8080") {
			t.Errorf("%s: want it to be this machine's for Machine only", own)
		}
	}
}

func TestSplitHost_parsesHosts(t *testing.T) {
	for _, c := range []struct {
		text, name, port string
		ok               bool
	}{
		{"Play.Example.com", "play.example.com", "", true},
		{"play.example.com:8080", "play.example.com", "8080", true},
		{"my_host:1", "my_host", "1", true},
		{"10.0.0.5:8080", "10.0.0.5", "8080", true},
		{"[::1]:8080", "::1", "8080", true},
		{"[::1]", "::1", "", true},
		{"::1", "", "", false},
		{"[::1%eth0]:80", "", "", false},
		{"[10.0.0.5]:80", "", "", false},
		{"host:", "", "", false},
		{"host:99999", "", "", false},
		{"host:+80", "", "", false},
		{"host:080", "", "", false},
		{"a b", "", "", false},
		{"user@host", "", "", false},
		{"host/path", "", "", false},
		{"host?x", "", "", false},
		{`host"><script>`, "", "", false},
		{"a..b", "", "", false},
		{"", "", "", false},
		{strings.Repeat("a", 64), "", "", false},
	} {
		name, port, ok := SplitHost(c.text)
		if ok != c.ok || ok && (name != c.name || port != c.port) {
			t.Errorf("%q: %q %q %v", c.text, name, port, ok)
		}
	}
}

func FuzzAllows(f *testing.F) {
	f.Add("https://a.example.com:443", "play.example.com:8080")
	f.Add("http://[::1%25eth0]", "[::1]:1")
	p, err := NewPolicy([]string{"https://*.example.com", "play.example.com"}, Machine)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, origin, host string) {
		if p.Allows(origin, host) && strings.ContainsAny(origin, " \"'<>\\") {
			t.Errorf("allows %q", origin)
		}
		if name, _, ok := SplitHost(host); ok && strings.ContainsAny(name, "/?#@ \"'<>\\%") {
			t.Errorf("%q is taken for a host", name)
		}
	})
}
