package tactuscmd

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"runtime"

	"go.uber.org/zap"

	"tactus/cmd/internal/devca"
)

// openTLS opens TLS of the public port: by the certificates of the flags, or by one that
// is made for this machine.
func (c *devConfig) openTLS(log *zap.Logger) (*publicTLS, error) {
	f := c.tls
	if !c.makeTLS {
		return f.open(c.data, log)
	}
	if len(f.certs)+len(f.keys)+len(f.acme.domains) > 0 || f.hsts != 0 {
		return nil, errors.New("--tls makes a certificate for this machine: it excludes --tls-cert, --acme-domain and --hsts")
	}
	var addresses []netip.Addr
	if c.lan {
		addresses = lanAddresses()
	}
	files, err := devca.Make(filepath.Join(c.data, "dev-tls"), addresses)
	if err != nil {
		return nil, fmt.Errorf("--tls: %w", err)
	}
	c.authority = files.CA
	f.certs, f.keys = []string{files.Pair.Cert}, []string{files.Pair.Key}
	return f.open(c.data, log)
}

// printTrust says how browsers and tools come to trust the authority of --tls.
func printTrust(w io.Writer, authority string) {
	if path, err := filepath.Abs(authority); err == nil {
		authority = path
	}
	fmt.Fprintf(w, "Browsers warn of this page until they trust %s, once. It signs for this machine only.\n  %s\n"+
		"  Tools: curl --cacert FILE, NODE_EXTRA_CA_CERTS=FILE. Other devices: install the file there.\n", authority, trustCommand(runtime.GOOS, authority))
}

// trustCommand is what makes a system's browsers trust an authority.
func trustCommand(system, authority string) string {
	switch system {
	case "darwin":
		return fmt.Sprintf("security add-trusted-cert -k ~/Library/Keychains/login.keychain-db %q", authority)
	case "windows":
		return fmt.Sprintf("certutil -user -addstore Root %q", authority)
	}
	return fmt.Sprintf("certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n tactus -i %q (Chromium; of libnss3-tools). Firefox: Settings, Certificates, Import.", authority)
}
