package devca_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"tactus/cmd/internal/devca"
)

// leaf returns the certificate, and a pool with its authority.
func leaf(t *testing.T, f devca.Files) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(f.Pair.Cert, f.Pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pair.Leaf, pool
}

func TestMake_signsForThisMachineOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	private, public := netip.MustParseAddr("192.168.7.7"), netip.MustParseAddr("203.0.113.7")
	f, err := devca.Make(dir, []netip.Addr{private, public})
	if err != nil {
		t.Fatal(err)
	}
	cert, pool := leaf(t, f)
	for name, want := range map[string]bool{
		"localhost": true, "game.localhost": true, "127.0.0.1": true, "::1": true, "192.168.7.7": true, "203.0.113.7": false, "play.example.com": false,
	} {
		_, err := cert.Verify(x509.VerifyOptions{DNSName: name, Roots: pool})
		if (err == nil) != want {
			t.Errorf("%s: %v, want valid %v", name, err, want)
		}
	}
	for _, file := range []string{"ca.key", "key.pem"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

func TestMake_keepsItsAuthority(t *testing.T) {
	dir := t.TempDir()
	first, err := devca.Make(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, trusted := leaf(t, first)
	second, err := devca.Make(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := leaf(t, second)
	if _, err := cert.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: trusted}); err != nil {
		t.Errorf("after another start: %v", err)
	}
}
