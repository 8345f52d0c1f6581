package origin

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// parsed is an origin in lower case, without the scheme's own port. An opaque
// one ("null") has neither host nor port.
type parsed struct{ scheme, host, port string }

// opaque is the origin of pages without one: files, sandboxed frames.
var opaque = parsed{scheme: "null"}

func (o parsed) String() string {
	if o == opaque {
		return o.scheme
	}
	return o.scheme + "://" + o.hostPort()
}

func (o parsed) hostPort() string {
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if o.port == "" {
		return host
	}
	return host + ":" + o.port
}

// parse reads the header Origin. Chromium sends "file://" with WebSockets of
// pages that come from files and "null" with their requests.
func parse(text string) (parsed, bool) {
	if text == "null" || text == "file://" {
		return opaque, true
	}
	scheme, rest, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !ok || !validScheme(scheme) {
		return parsed{}, false
	}
	host, port, ok := SplitHost(rest)
	if !ok {
		return parsed{}, false
	}
	if port == withDefault("", scheme) {
		port = ""
	}
	return parsed{scheme: scheme, host: host, port: port}, true
}

func validScheme(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c != '+' && c != '-' && c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// withDefault is the port, or the scheme's own where none is named.
func withDefault(port, scheme string) string {
	switch {
	case port != "":
		return port
	case scheme == "http", scheme == "ws":
		return "80"
	case scheme == "https", scheme == "wss":
		return "443"
	}
	return ""
}

// SplitHost takes "name", "name:port", "1.2.3.4:port" or "[::1]:port" apart, as
// the header Host has it. The name comes in lower case, an IPv6 address without
// brackets. Anything else is not ok.
func SplitHost(text string) (name, port string, ok bool) {
	name = text
	if at := strings.LastIndexByte(text, ':'); at >= 0 && !strings.HasSuffix(text, "]") {
		name, port = text[:at], text[at+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
			return "", "", false
		}
	}
	if inner, bracketed := strings.CutPrefix(name, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		if !closed || err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "", false
		}
		return ip.String(), port, true
	}
	name = strings.ToLower(name)
	return name, port, validName(name)
}

// validName reports whether a lower-case name can stand in a URL as it is:
// letters, digits, hyphens and underscores in labels, or an IPv4 address.
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// mistake is an entry that can't be used, and why.
type mistake struct {
	text string
	err  error
}

func (m *mistake) Error() string { return fmt.Sprintf("origin %q: %s", m.text, m.err) }
func (m *mistake) Unwrap() error { return m.err }

var (
	errForm     = errors.New(`want "https://host", a host name, "https://*.host", or "*" for any page`)
	errPath     = errors.New("an origin has no path, query or user: end it behind the host")
	errPart     = errors.New(`"*" stands for one whole label in front of a domain, as in https://*.example.com`)
	errTooBroad = errors.New("this would allow every domain below a public suffix; name yours")
)

// add takes one entry of the operator's in.
func (p *Policy) add(text string) error {
	scheme, rest, named := strings.Cut(strings.TrimSpace(text), "://")
	scheme = strings.ToLower(scheme)
	rest = strings.TrimSuffix(rest, "/")
	switch {
	case named && scheme == "file" && rest == "", !named && scheme == "null":
		p.exact[opaque.String()] = true
		return nil
	case named:
		return p.addHost(scheme, rest)
	case scheme == "*":
		p.any = true
		return nil
	}
	host := strings.TrimSuffix(scheme, "/")
	if err := p.addHost("https", host); err != nil {
		return err
	}
	return p.addHost("http", host)
}

func (p *Policy) addHost(scheme, host string) error {
	if strings.ContainsAny(host, "/?#@") {
		return errPath
	}
	parent, wild := strings.CutPrefix(host, "*.")
	if strings.Contains(parent, "*") {
		return errPart
	}
	ascii, err := toASCII(parent)
	if err != nil {
		return errForm
	}
	o, ok := parse(scheme + "://" + ascii)
	if !ok {
		return errForm
	}
	if !wild {
		p.exact[o.String()] = true
		return nil
	}
	if tooBroad(o.host) {
		return errTooBroad
	}
	p.wildcards = append(p.wildcards, wildcard{scheme: o.scheme, parent: "." + o.hostPort()})
	return nil
}

// toASCII writes an international name as browsers send it.
func toASCII(host string) (string, error) {
	for _, c := range host {
		if c >= 0x80 {
			name, port, err := net.SplitHostPort(host)
			if err != nil {
				return idna.Lookup.ToASCII(host)
			}
			name, err = idna.Lookup.ToASCII(name)
			return net.JoinHostPort(name, port), err
		}
	}
	return host, nil
}

// tooBroad reports whether strangers can have names below a domain: "com",
// "co.uk". An address has no names below it.
func tooBroad(domain string) bool {
	if domain == "localhost" {
		return false
	}
	if _, err := netip.ParseAddr(domain); err == nil || !strings.Contains(domain, ".") {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(domain)
	return icann && suffix == domain
}
