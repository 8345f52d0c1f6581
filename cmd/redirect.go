package tactuscmd

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tactus/internal/origin"
)

// redirectTo redirects requests to https at their own host and the port of an address.
// The method and the body stay (308). A request without a usable Host is refused.
func redirectTo(addr net.Addr) http.Handler {
	port := ""
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Port != 443 {
		port = strconv.Itoa(tcp.Port)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, ok := origin.SplitHost(r.Host)
		if !ok {
			http.Error(w, "the request names no host", http.StatusBadRequest)
			return
		}
		to := url.URL{Scheme: "https", Host: hostPort(name, port), Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		w.Header().Set("Connection", "close") // the client has nothing more to ask here
		http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
	})
}

// hostPort joins a name or address with a port; empty: none.
func hostPort(name, port string) string {
	switch {
	case port != "":
		return net.JoinHostPort(name, port)
	case strings.Contains(name, ":"):
		return "[" + name + "]"
	}
	return name
}
