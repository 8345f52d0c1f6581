package tactuscmd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"tactus/internal/certificate"
	"tactus/internal/origin"
)

// challengeProtocol is the ALPN protocol of the challenge tls-alpn-01 (RFC 8737).
const challengeProtocol = acme.ALPNProto

const (
	// firstRetry and longestRetry bound the wait after a failure. Let's Encrypt allows
	// five failures an hour for a name.
	firstRetry   = time.Minute
	longestRetry = time.Hour
	// failureInterval is the time between two log lines about one name's handshakes.
	failureInterval = time.Hour
)

// acmeFlags are the flags about certificates of an ACME server (RFC 8555).
type acmeFlags struct {
	domains          []string
	directory, email string
	authority        string
}

func (f *acmeFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringSliceVar(&f.domains, "acme-domain", nil, "name for which a certificate is obtained and renewed by ACME, whose terms you accept; may be repeated; port 443 or 80 of it must lead here")
	fl.StringVar(&f.directory, "acme-directory", autocert.DefaultACMEDirectory, "URL of the ACME server's directory")
	fl.StringVar(&f.authority, "acme-ca", "", "PEM file with the authority of the ACME server's own certificate, for a private one")
	fl.StringVar(&f.email, "acme-email", "", "contact for the ACME account")
}

// client makes the client, nil without a domain. It keeps account and certificates in a
// folder of the data.
func (f *acmeFlags) client(data string, log *zap.Logger) (*acmeClient, error) {
	if len(f.domains) == 0 {
		if f.email != "" {
			return nil, errors.New("--acme-email needs --acme-domain")
		}
		return nil, nil
	}
	domains := make([]string, 0, len(f.domains))
	for _, domain := range f.domains {
		domain = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(domain), "."))
		if !origin.IsPublicName(domain) {
			return nil, fmt.Errorf("--acme-domain %q: want a full name such as play.example.com; wildcards need the challenge of DNS: use --tls-cert", domain)
		}
		domains = append(domains, domain)
	}
	client := &acme.Client{DirectoryURL: f.directory, UserAgent: "tactus"}
	if f.authority != "" {
		loaded, err := certificate.Files{CA: f.authority}.Load()
		if err != nil {
			return nil, fmt.Errorf("--acme-ca: %w", err)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: loaded.Authorities}
		client.HTTPClient = &http.Client{Transport: transport}
	}
	return &acmeClient{
		domains: domains, log: log, failed: make(map[string]time.Time),
		manager: &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(domains...), Email: f.email,
			Cache: autocert.DirCache(filepath.Join(data, "acme")), Client: client,
		},
	}, nil
}

// acmeClient obtains certificates and renews them. It is safe for concurrent use.
type acmeClient struct {
	domains []string
	manager *autocert.Manager
	log     *zap.Logger

	mu     sync.Mutex
	failed map[string]time.Time // last log line by domain
}

// certificate returns the certificate for a handshake, and obtains it if necessary.
func (a *acmeClient) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	// autocert makes a second certificate, of RSA, for clients that list no cipher suite
	// of ECDSA. Those of TLS 1.3 are independent of the signature, and P-256 is mandatory
	// (RFC 8446, section 9.1).
	modern := *hello
	modern.CipherSuites = append([]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, hello.CipherSuites...)
	c, err := a.manager.GetCertificate(&modern)
	if err != nil && a.manager.HostPolicy(context.Background(), hello.ServerName) == nil {
		a.logFailure(hello.ServerName, err)
	}
	return c, err
}

// logFailure logs why a domain has no certificate, once an hour.
func (a *acmeClient) logFailure(domain string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.failed[domain]) < failureInterval {
		return
	}
	a.failed[domain] = time.Now()
	a.log.Error("ACME certificate failed", zap.String("domain", domain), zap.Error(err),
		zap.String("hint", "port 443 of the domain, or port 80 with --redirect-listen, must lead here"))
}

// run obtains the certificates before the first player needs them. The manager renews
// them from then on.
func (a *acmeClient) run(ctx context.Context) {
	var obtaining sync.WaitGroup
	for _, domain := range a.domains {
		obtaining.Go(func() { a.obtain(ctx, domain) })
	}
	obtaining.Wait()
}

func (a *acmeClient) obtain(ctx context.Context, domain string) {
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		done := make(chan error, 1)
		go func() {
			c, err := a.certificate(&tls.ClientHelloInfo{ServerName: domain})
			if err == nil {
				a.log.Info("ACME certificate ready", zap.String("domain", domain), zap.Time("not_after", c.Leaf.NotAfter))
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil {
				return
			}
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// warnOfPorts logs a port at which no ACME server looks, unless something in front
// forwards to it.
func (a *acmeClient) warnOfPorts(addr net.Addr, redirect net.Listener) {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.Port != 443 && redirect == nil {
		a.log.Warn("ACME validates at port 443, or at port 80 with --redirect-listen", zap.Int("port", tcp.Port),
			zap.String("hint", "forward port 443 to this port"))
	}
}
