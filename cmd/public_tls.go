package tactuscmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tactus/internal/certificate"
	"tactus/internal/origin"
	"tactus/internal/publicport"
)

// publicTLSFlags are the flags about TLS of the public port.
type publicTLSFlags struct {
	certs, keys []string
	ticketKeys  string
	acme        acmeFlags
	redirect    string
	hsts        time.Duration
}

func (f *publicTLSFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVar(&f.certs, "tls-cert", nil, "PEM file with a certificate of the public port and its chain; turns on TLS; reloaded when it changes; repeated for several names")
	fl.StringArrayVar(&f.keys, "tls-key", nil, "PEM file with the key of the --tls-cert at the same position")
	fl.StringVar(&f.ticketKeys, "tls-ticket-keys", "", "file with the keys of TLS session tickets, 32 bytes a line in hexadecimal, newest first; reloaded when it changes; for several processes behind one name")
	f.acme.add(c)
	fl.StringVar(&f.redirect, "redirect-listen", "", "port that redirects http:// to the TLS port, such as :80; also answers ACME's challenge http-01")
	fl.DurationVar(&f.hsts, "hsts", 0, "how long browsers use only https for this host, at all its ports (Strict-Transport-Security), such as 4320h; 0: not sent")
}

// publicTLS is TLS of a public port and what belongs to it.
type publicTLS struct {
	port     *certificate.Port // nil: plain text
	acme     *acmeClient       // nil: certificates are in files
	redirect net.Listener      // nil: none
	hsts     time.Duration
	log      *zap.Logger
}

var errNoTLS = errors.New("TLS is off: it needs --tls-cert and --tls-key, or --acme-domain")

// open loads the files and opens the port of redirects. data is the folder for
// certificates of an ACME server.
func (f *publicTLSFlags) open(data string, log *zap.Logger) (*publicTLS, error) {
	pairs, err := certificate.NewPairs(f.certs, f.keys)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	t := &publicTLS{hsts: f.hsts, log: log}
	if t.acme, err = f.acme.client(data, log); err != nil {
		return nil, err
	}
	if len(pairs) == 0 && t.acme == nil {
		return t, f.needsTLS()
	}
	cfg := certificate.PortConfig{Pairs: pairs, TicketKeys: f.ticketKeys}
	if t.acme != nil {
		cfg.Issue, cfg.ChallengeProtocol = t.acme.certificate, challengeProtocol
	}
	if t.port, err = certificate.NewPort(cfg, log); err != nil {
		return nil, fmt.Errorf("TLS of the public port: %w", err)
	}
	if err := t.checkHSTS(); err != nil {
		return nil, err
	}
	if f.redirect != "" {
		if t.redirect, err = listen("redirect-listen", f.redirect); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// needsTLS returns the error for flags that mean nothing without TLS.
func (f *publicTLSFlags) needsTLS() error {
	for flag, given := range map[string]bool{"tls-ticket-keys": f.ticketKeys != "", "redirect-listen": f.redirect != "", "hsts": f.hsts != 0} {
		if given {
			return fmt.Errorf("--%s: %w", flag, errNoTLS)
		}
	}
	return nil
}

// checkHSTS rejects times below zero, and certificates for addresses and localhost only.
func (t *publicTLS) checkHSTS() error {
	if t.hsts < 0 {
		return fmt.Errorf("--hsts %s: want at least 0s", t.hsts)
	}
	if t.hsts == 0 || t.acme != nil {
		return nil
	}
	for _, leaf := range t.port.Leaves() {
		if slices.ContainsFunc(leaf.DNSNames, isPublic) {
			return nil
		}
	}
	return errors.New("--hsts: no certificate names a public host; browsers ignore it for IP addresses, and for localhost it would break all other programs there")
}

func isPublic(name string) bool {
	if len(name) > 2 && name[:2] == "*." {
		name = name[2:]
	}
	return origin.IsPublicName(name)
}

// secure reports whether the port speaks TLS.
func (t *publicTLS) secure() bool { return t.port != nil }

// config is the configuration of the port, nil for plain text.
func (t *publicTLS) config() *tls.Config {
	if t.port == nil {
		return nil
	}
	return t.port.TLSConfig()
}

// run redirects http to the port at an address, and obtains certificates, until ctx
// ends.
func (t *publicTLS) run(ctx context.Context, group *errgroup.Group, addr net.Addr) error {
	if t.acme != nil {
		t.acme.warnOfPorts(addr, t.redirect)
		group.Go(func() error { t.acme.run(ctx); return nil })
	}
	if t.redirect == nil {
		return nil
	}
	port, err := publicport.New(publicport.Config{Name: "redirect", Log: t.log})
	if err != nil {
		return err
	}
	handler := redirectTo(addr)
	if t.acme != nil {
		handler = t.acme.manager.HTTPHandler(handler)
	}
	group.Go(func() error { return port.Serve(ctx, t.redirect, handler) })
	return nil
}

// close closes the port of redirects, if it was not served.
func (t *publicTLS) close() {
	if t != nil && t.redirect != nil {
		_ = t.redirect.Close()
	}
}
