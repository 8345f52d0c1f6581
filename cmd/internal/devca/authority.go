// Package devca makes certificates for development: an authority of this machine, which
// browsers can be told to trust, and a certificate of it for the machine's names.
package devca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"tactus/internal/certificate"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 397 * 24 * time.Hour // browsers accept 825 days of a local authority
	backdated     = time.Hour            // for clocks of other devices
)

// Files are what [Make] has made.
type Files struct {
	CA   string // the authority's certificate, for browsers and tools to trust
	Pair certificate.Pair
}

// Make makes a certificate for localhost and its names, loopback and the given
// addresses. It replaces an earlier one. Its authority stays the same as long as its
// files are in the folder, so that trust in it lasts. The authority can sign for names
// of this machine and private addresses only.
func Make(dir string, addresses []netip.Addr) (Files, error) {
	f := Files{
		CA:   filepath.Join(dir, "ca.pem"),
		Pair: certificate.Pair{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")},
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, err
	}
	authority, err := open(f.CA, filepath.Join(dir, "ca.key"))
	if err != nil {
		return f, err
	}
	leaf := template("localhost", leafLife)
	leaf.DNSNames = []string{"localhost", "*.localhost"}
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, a := range addresses {
		if covered(a) {
			leaf.IPAddresses = append(leaf.IPAddresses, a.AsSlice())
		}
	}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return f, sign(leaf, authority.Leaf, authority.PrivateKey, f.Pair.Cert, f.Pair.Key)
}

var errNotOurs = errors.New("is not an authority of this program; remove it, or choose another --data")

// open reads the authority, or makes one.
func open(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return pair, err
	case !pair.Leaf.IsCA:
		return pair, fmt.Errorf("%s %w", certFile, errNotOurs)
	case time.Until(pair.Leaf.NotAfter) > leafLife:
		return pair, nil
	}
	ca := template("Tactus development, "+hostname(), authorityLife)
	ca.IsCA, ca.BasicConstraintsValid, ca.MaxPathLenZero = true, true, true
	ca.KeyUsage = x509.KeyUsageCertSign
	ca.PermittedDNSDomainsCritical = true
	ca.PermittedDNSDomains = []string{"localhost"}
	ca.PermittedIPRanges = privateRanges
	if err := sign(ca, ca, nil, certFile, keyFile); err != nil {
		return pair, err
	}
	return tls.LoadX509KeyPair(certFile, keyFile)
}

// privateRanges are addresses that no stranger can have a page at.
var privateRanges = ranges("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10")

func ranges(cidrs ...string) []*net.IPNet {
	list := make([]*net.IPNet, len(cidrs))
	for i, cidr := range cidrs {
		_, list[i], _ = net.ParseCIDR(cidr)
	}
	return list
}

func covered(a netip.Addr) bool {
	for _, r := range privateRanges {
		if r.Contains(a.AsSlice()) {
			return true
		}
	}
	return false
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return localName
	}
	return name
}

const localName = "this machine"

func template(name string, life time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Tactus development"}},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(life),
	}
}

// sign makes a key and a certificate and writes both. A parentKey of nil signs it by its
// own key.
func sign(c, parent *x509.Certificate, parentKey any, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := write(keyFile, 0o600, "PRIVATE KEY", raw); err != nil {
		return err
	}
	return write(certFile, 0o644, "CERTIFICATE", der)
}

// write replaces a file.
func write(path string, mode os.FileMode, kind string, der []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(next, path)
}
