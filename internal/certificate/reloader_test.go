package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tactus/internal/certificate"
)

// renewal is a folder of files that a test renews.
type renewal struct {
	t     *testing.T
	files certificate.Files
}

func newRenewal(t *testing.T) *renewal {
	t.Helper()
	dir := t.TempDir()
	r := &renewal{t: t, files: certificate.Files{
		CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
	}}
	r.renew(1)
	return r
}

// renew writes a certificate with a serial number, which signs itself, and its key.
func (r *renewal) renew(serial int64) {
	r.t.Helper()
	cert, key := r.issue(serial)
	r.write(r.files.CA, cert)
	r.write(r.files.Cert, cert)
	r.write(r.files.Key, key)
}

func (r *renewal) issue(serial int64) (cert, key []byte) {
	r.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		r.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		r.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func (r *renewal) write(path string, text []byte) {
	r.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func build(l certificate.Loaded) (*tls.Config, error) {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: l.Certificates, RootCAs: l.Authorities}, nil
}

func serial(c *tls.Config) int64 { return c.Certificates[0].Leaf.SerialNumber.Int64() }

func TestReloader_followsItsFiles(t *testing.T) {
	r := newRenewal(t)
	var reports []error
	reloader, err := certificate.NewReloader(r.files, build, func(err error) { reports = append(reports, err) })
	if err != nil {
		t.Fatal(err)
	}
	first := reloader.Config()
	if serial(first) != 1 || first.RootCAs == nil || reloader.Config() != first {
		t.Errorf("files that stay the same: serial %d, authorities %v, or a new configuration", serial(first), first.RootCAs)
	}
	r.renew(2)
	if got := serial(reloader.Config()); got != 2 {
		t.Errorf("serial %d after the renewal", got)
	}
	if len(reports) != 1 || reports[0] != nil {
		t.Errorf("reports %v", reports)
	}
}

func TestReloader_keepsTheLastUsableFiles(t *testing.T) {
	r := newRenewal(t)
	var reports []error
	refused := errors.New("not this one")
	reloader, err := certificate.NewReloader(r.files, func(l certificate.Loaded) (*tls.Config, error) {
		c, _ := build(l)
		if serial(c) == 13 {
			return nil, refused
		}
		return c, nil
	}, func(err error) { reports = append(reports, err) })
	if err != nil {
		t.Fatal(err)
	}
	cert, key := r.issue(2)
	for _, step := range []struct {
		name   string
		change func()
		want   int64
		report string // empty: none
	}{
		{"a certificate whose key is not there yet", func() { r.write(r.files.Cert, cert) }, 1, "cert.pem"},
		{"its key", func() { r.write(r.files.Key, key) }, 2, "in use"},
		{"half a certificate", func() { r.write(r.files.Cert, cert[:40]) }, 2, "cert.pem"},
		{"the certificate as before", func() { r.write(r.files.Cert, cert) }, 2, ""},
		{"half a certificate again", func() { r.write(r.files.Cert, cert[:40]) }, 2, "cert.pem"},
		{"no authorities", func() { r.renew(3); r.write(r.files.CA, nil) }, 2, "ca.pem"},
		{"no file of authorities", func() { _ = os.Remove(r.files.CA) }, 2, "ca.pem"},
		{"one that can't be used", func() { r.renew(13) }, 2, "not this one"},
		{"a good one", func() { r.renew(4) }, 4, "in use"},
	} {
		reports = nil
		step.change()
		for range 2 {
			if got := serial(reloader.Config()); got != step.want {
				t.Errorf("%s: serial %d, want %d", step.name, got, step.want)
			}
		}
		switch {
		case step.report == "":
			if len(reports) != 0 {
				t.Errorf("%s: reports %v", step.name, reports)
			}
		case len(reports) != 1:
			t.Errorf("%s: %d reports", step.name, len(reports))
		case reports[0] == nil && step.report != "in use", reports[0] != nil && !strings.Contains(reports[0].Error(), step.report):
			t.Errorf("%s: report %v, want %s", step.name, reports[0], step.report)
		}
	}
}

func TestNewReloader_needsUsableFiles(t *testing.T) {
	good := newRenewal(t).files
	for name, files := range map[string]certificate.Files{
		"no key":               {Cert: good.Cert},
		"no certificate":       {Key: good.Key},
		"no such file":         {CA: "nowhere.pem"},
		"a key as certificate": {Cert: good.Key, Key: good.Key},
		"a key as authority":   {CA: good.Key},
	} {
		if _, err := certificate.NewReloader(files, build, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, files := range []certificate.Files{good, {}, {CA: good.CA}} {
		if _, err := files.Load(); err != nil {
			t.Errorf("%+v: %v", files, err)
		}
	}
}
