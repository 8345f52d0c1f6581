package tactuscmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"golang.org/x/sync/errgroup"

	"tactus/internal/origin"
	"tactus/internal/publicport"
)

// publicPort is a port on one or more addresses of this machine.
type publicPort struct {
	listeners []net.Listener
	secure    bool // speaks TLS
}

// localhost stands for both loopback addresses.
const localhost = "localhost"

// openPublic opens the public port of `tactus dev`. The host localhost stands for
// 127.0.0.1 and, if the machine has it, [::1]. With lan the port is open on all
// addresses.
func openPublic(addr string, lan bool) (*publicPort, error) {
	host, port, err := net.SplitHostPort(addr)
	switch {
	case err == nil && lan && host != localhost && host != "" && host != "0.0.0.0" && host != "::":
		return nil, fmt.Errorf("--lan listens on all addresses, --listen %s on one; use one of them, or --listen :%s to choose the port", addr, port)
	case err == nil && lan:
		addr = net.JoinHostPort("", port)
	case err == nil && host == localhost:
		return openLoopback(port)
	}
	ln, err := listen("listen", addr)
	if err != nil {
		return nil, err
	}
	return &publicPort{listeners: []net.Listener{ln}}, nil
}

// portAttempts bounds the search for a port that is free on both addresses.
const portAttempts = 8

func openLoopback(port string) (*publicPort, error) {
	for attempt := 1; ; attempt++ {
		first, err := listen("listen", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return nil, err
		}
		if !origin.IsOwnAddress("::1") {
			return &publicPort{listeners: []net.Listener{first}}, nil
		}
		same := strconv.Itoa(first.Addr().(*net.TCPAddr).Port)
		second, err := listen("listen", net.JoinHostPort("::1", same))
		if err == nil {
			return &publicPort{listeners: []net.Listener{first, second}}, nil
		}
		_ = first.Close()
		if port != "0" || attempt == portAttempts {
			return nil, err
		}
	}
}

// Addr is the first address.
func (p *publicPort) Addr() net.Addr { return p.listeners[0].Addr() }

// Close closes the port on all addresses.
func (p *publicPort) Close() error {
	var errs []error
	for _, ln := range p.listeners {
		errs = append(errs, ln.Close())
	}
	return errors.Join(errs...)
}

// serve serves on all addresses until ctx ends.
func (p *publicPort) serve(ctx context.Context, port *publicport.Port, h http.Handler) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, ln := range p.listeners {
		group.Go(func() error { return port.Serve(ctx, ln, h) })
	}
	return group.Wait()
}

// url returns the URL of a path, for a browser on this machine.
func (p *publicPort) url(path string) string {
	if len(p.listeners) > 1 {
		return fmt.Sprintf("%s://%s:%d%s", scheme(p.secure), localhost, p.Addr().(*net.TCPAddr).Port, path)
	}
	return originOf(p.secure, p.Addr()) + path
}

// scheme is that of a port's URLs.
func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// originOf returns the origin of a listener, for a browser on this machine. The
// unspecified address becomes localhost.
func originOf(secure bool, addr net.Addr) string {
	host := addr.String()
	if at, err := netip.ParseAddrPort(host); err == nil && at.Addr().IsUnspecified() {
		host = net.JoinHostPort(localhost, strconv.Itoa(int(at.Port())))
	}
	return scheme(secure) + "://" + host
}
