package tactuscmd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tactus/cmd/internal/config"
	"tactus/internal/certificate"
	"tactus/internal/origin"
	"tactus/internal/publicport"
)

// earliestClock is before every release. A clock behind it was never set.
var earliestClock = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// problem is one thing that would go wrong, in one line.
type problem string

// checks finds the problems of a command's configuration. It opens no port and writes
// nothing. It is not safe for concurrent use; owned by the command that checks.
type checks struct {
	settings *config.Settings // sources of the flags; nil: not known
	now      time.Time
	problems []problem
}

// checkFlag adds --check and returns its value.
func checkFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("check", false, "start nothing: print what would go wrong in public, a line for each problem, and exit with 1; ok and 0 without any")
}

// runChecks prints what check and the checks of every command find.
func runChecks(c *cobra.Command, check func(context.Context, *checks)) error {
	found := &checks{settings: settingsOf(c), now: time.Now()}
	if found.settings != nil {
		for _, warning := range found.settings.Warnings {
			found.add(errors.New(warning))
		}
	}
	level, _ := c.Flags().GetString("log-level")
	format, _ := c.Flags().GetString("log-format")
	_, err := newLogger(level, format)
	found.add(err)
	found.clock()
	check(c.Context(), found)
	return found.print(c.OutOrStdout())
}

// failedCheck makes a configuration that can't be read a problem, if c only checks.
func failedCheck(c *cobra.Command, err error) error {
	if check, _ := c.Flags().GetBool("check"); !check {
		return err
	}
	found := &checks{}
	found.add(err)
	return found.print(c.OutOrStdout())
}

// print writes the problems, or ok.
func (c *checks) print(w io.Writer) error {
	if len(c.problems) == 0 {
		_, err := fmt.Fprintln(w, "ok")
		return err
	}
	for _, p := range c.problems {
		fmt.Fprintln(w, p)
	}
	return errFailed
}

// add adds each of the joined errors once; nil: none.
func (c *checks) add(err error) {
	if err == nil {
		return
	}
	for _, text := range messages(err) {
		p := problem(oneLine(c.settings.Explain(errors.New(text))))
		if !slices.Contains(c.problems, p) {
			c.problems = append(c.problems, p)
		}
	}
}

func (c *checks) addf(format string, args ...any) { c.add(fmt.Errorf(format, args...)) }

func (c *checks) clock() {
	if c.now.Before(earliestClock) {
		c.addf("the clock says %s: set it by NTP; certificates and tokens depend on it", c.now.UTC().Format(time.DateOnly))
	}
}

// publicPort checks the public port. It returns the port's TLS, nil if that is unusable.
func (c *checks) publicPort(addr, data string, f *publicTLSFlags, limits *limitFlags) *publicTLS {
	c.address("listen", addr)
	closed := *f
	closed.redirect = "" // whose port open would open
	secured, err := closed.open(data, zap.NewNop())
	c.add(err)
	if err != nil {
		return nil
	}
	if f.redirect != "" {
		c.address("redirect-listen", f.redirect)
	}
	if !secured.secure() {
		c.add(f.needsTLS())
		if isOpen(addr) && !limits.behindProxy() {
			c.addf("--listen %s is reached by other machines without TLS: set --tls-cert and --tls-key, or --trusted-proxy for a proxy that adds TLS", addr)
		}
	} else {
		c.leaves("tls-cert", f.certs, secured.port.Leaves())
	}
	c.add(publicport.Config{TLS: secured.config(), HSTS: secured.hsts, Limits: limits.limits, Proxies: limits.proxies}.Validate())
	return secured
}

// address checks an address to listen on.
func (c *checks) address(flag, addr string) {
	if _, err := net.ResolveTCPAddr("tcp", addr); err != nil {
		c.addf("--%s %s: %w; want host:port", flag, addr, err)
	}
}

// isOpen reports whether other machines reach a port.
func isOpen(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && !origin.IsLoopback(host)
}

// adminPort checks the admin port.
func (c *checks) adminPort(f *adminFlags) {
	c.add(f.validate())
	_, err := f.tls(zap.NewNop())
	c.add(err)
	for i := range min(len(f.certs), len(f.keys)) {
		c.pair("admin-tls-cert", f.certs[i], f.keys[i])
	}
}

// pair checks how long a certificate is valid. Files that can't be read are found where
// they are used.
func (c *checks) pair(flag, cert, key string) {
	if loaded, err := tls.LoadX509KeyPair(cert, key); err == nil {
		c.leaves(flag, []string{cert}, []*x509.Certificate{loaded.Leaf})
	}
}

// leaves checks how long certificates are valid.
func (c *checks) leaves(flag string, files []string, list []*x509.Certificate) {
	for i, leaf := range list {
		end := leaf.NotAfter.UTC().Format(time.RFC3339)
		switch left := leaf.NotAfter.Sub(c.now); {
		case c.now.Before(leaf.NotBefore):
			c.addf("--%s %s: the certificate is valid from %s on; is the clock right?", flag, files[i], leaf.NotBefore.UTC().Format(time.RFC3339))
		case left <= 0:
			c.addf("--%s %s: the certificate ended at %s", flag, files[i], end)
		case left < certificate.ExpiryWarning:
			c.addf("--%s %s: the certificate ends at %s, within %d days", flag, files[i], end, certificate.ExpiryWarning/(24*time.Hour))
		}
	}
}
