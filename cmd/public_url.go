package tactuscmd

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"tactus/internal/origin"
	"tactus/protocol"
)

// publicURL reads --public-url: the URL of /play as browsers reach it. What is
// clearly meant is put right with a line in the log, the rest is refused. Empty
// stays empty.
func publicURL(given string, log *zap.Logger) (string, error) {
	if given == "" {
		return "", nil
	}
	u, err := parsePublicURL(strings.TrimSpace(given))
	if err != nil {
		return "", fmt.Errorf("--public-url %q: %w", given, err)
	}
	used := u.String()
	if used != given {
		log.Warn("--public-url was put right", zap.String("given", given), zap.String("used", used))
	}
	if !strings.HasSuffix(u.Path, protocol.Path) {
		log.Warn("--public-url does not end in "+protocol.Path+", so that a proxy has to lead it there", zap.String("url", used))
	}
	return used, nil
}

var (
	errURLForm  = errors.New("want a URL as wss://play.example.com" + protocol.Path)
	errURLSpace = errors.New("a URL has no spaces")
	errURLExtra = errors.New("browsers connect to host and path alone: leave out user, query and fragment")
	errURLHost  = errors.New("browsers can't connect to all addresses: name the host by which they reach this machine, or leave the flag out")
)

func parsePublicURL(text string) (*url.URL, error) {
	if strings.ContainsAny(text, " \t\r\n") {
		return nil, errURLSpace
	}
	if !strings.Contains(text, "://") {
		var err error
		if text, err = withScheme(text); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errURLForm
	}
	switch strings.ToLower(u.Scheme) {
	case "ws", "http":
		u.Scheme = "ws"
	case "wss", "https":
		u.Scheme = "wss"
	default:
		return nil, errURLForm
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return nil, errURLExtra
	}
	name, _, ok := origin.SplitHost(u.Host)
	if !ok {
		return nil, errURLForm
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.IsUnspecified() {
		return nil, errURLHost
	}
	u.Path, u.RawPath = playPath(u.Path), ""
	if strings.ContainsAny(u.Path, "{}") {
		return nil, errURLForm
	}
	return u, nil
}

// withScheme adds the scheme where there can be no doubt: addresses and this
// machine's names have no certificates as a rule. Whether a domain has one can't
// be known.
func withScheme(text string) (string, error) {
	host, _, _ := strings.Cut(strings.TrimPrefix(text, "//"), "/")
	name, _, ok := origin.SplitHost(host)
	if _, err := netip.ParseAddr(name); ok && (err == nil || origin.IsLoopback(name)) {
		return "ws://" + strings.TrimPrefix(text, "//"), nil
	}
	if ok {
		return "", fmt.Errorf("the scheme is missing: want wss://%s, or ws://%s where there is no TLS", text, text)
	}
	return "", errURLForm
}

// playPath completes a path: none, or that of a folder, leads to /play in it.
func playPath(path string) string {
	if strings.HasSuffix(path, protocol.Path+"/") {
		return strings.TrimSuffix(path, "/")
	}
	if path == "" || strings.HasSuffix(path, "/") {
		return strings.TrimSuffix(path, "/") + protocol.Path
	}
	return path
}
