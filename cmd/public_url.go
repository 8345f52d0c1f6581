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

// publicURL reads --public-url, the URL at which browsers reach /play. It corrects
// mistakes that have one remedy and logs a warning; others are errors. Empty stays
// empty.
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
		log.Warn("--public-url corrected", zap.String("given", given), zap.String("used", used))
	}
	if !strings.HasSuffix(u.Path, protocol.Path) {
		log.Warn("--public-url without "+protocol.Path+" at its end", zap.String("url", used), zap.String("hint", "a proxy must route it to "+protocol.Path))
	}
	return used, nil
}

// warnOfScheme logs a given play URL with ws:// to a port that speaks TLS.
func warnOfScheme(playURL string, secure bool, log *zap.Logger) {
	if secure && strings.HasPrefix(playURL, "ws://") {
		log.Warn("--public-url begins with ws://, the port speaks TLS: only a proxy that adds TLS can connect",
			zap.String("url", playURL), zap.String("hint", "wss://"+strings.TrimPrefix(playURL, "ws://")))
	}
}

var (
	errURLForm  = errors.New("want a URL such as wss://play.example.com" + protocol.Path)
	errURLSpace = errors.New("a URL has no spaces")
	errURLExtra = errors.New("browsers use only host and path: remove user, query and fragment")
	errURLHost  = errors.New("browsers can't connect to an unspecified address: use the host name of this machine, or omit the flag")
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

// withScheme adds ws:// to addresses and to names of this machine, which rarely have
// certificates. Other names may have one, so their scheme must be given.
func withScheme(text string) (string, error) {
	host, _, _ := strings.Cut(strings.TrimPrefix(text, "//"), "/")
	name, _, ok := origin.SplitHost(host)
	if _, err := netip.ParseAddr(name); ok && (err == nil || origin.IsLoopback(name)) {
		return "ws://" + strings.TrimPrefix(text, "//"), nil
	}
	if ok {
		return "", fmt.Errorf("the scheme is missing: want wss://%s, or ws://%s without TLS", text, text)
	}
	return "", errURLForm
}

// playPath appends /play to an empty path and to one that ends in a slash.
func playPath(path string) string {
	if strings.HasSuffix(path, protocol.Path+"/") {
		return strings.TrimSuffix(path, "/")
	}
	if path == "" || strings.HasSuffix(path, "/") {
		return strings.TrimSuffix(path, "/") + protocol.Path
	}
	return path
}
