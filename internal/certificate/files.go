package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Files names PEM files. The zero value names none.
type Files struct {
	CA   string // authorities that sign the certificates of peers
	Cert string // the process's own certificate, with its chain
	Key  string // the private key of Cert
}

// Loaded is what [Files] hold.
type Loaded struct {
	Certificates []tls.Certificate // one, of Cert and Key; none without them
	Authorities  *x509.CertPool    // of CA; nil without it
}

var errHalfAPair = errors.New("a certificate and its key must be given together")

// Load reads the files.
func (f Files) Load() (Loaded, error) {
	c, err := f.read()
	if err != nil {
		return Loaded{}, err
	}
	return f.parse(c)
}

// content is the text of the files.
type content struct{ ca, cert, key []byte }

func (c content) digest() [3][sha256.Size]byte {
	return [...][sha256.Size]byte{sha256.Sum256(c.ca), sha256.Sum256(c.cert), sha256.Sum256(c.key)}
}

func (f Files) read() (content, error) {
	var c content
	if (f.Cert == "") != (f.Key == "") {
		return c, errHalfAPair
	}
	for _, file := range []struct {
		path string
		text *[]byte
	}{{f.CA, &c.ca}, {f.Cert, &c.cert}, {f.Key, &c.key}} {
		if file.path == "" {
			continue
		}
		var err error
		if *file.text, err = os.ReadFile(file.path); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (f Files) parse(c content) (Loaded, error) {
	var l Loaded
	if f.Cert != "" {
		pair, err := tls.X509KeyPair(c.cert, c.key)
		if err != nil {
			return l, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
		}
		l.Certificates = []tls.Certificate{pair}
	}
	if f.CA != "" {
		l.Authorities = x509.NewCertPool()
		if !l.Authorities.AppendCertsFromPEM(c.ca) {
			return l, fmt.Errorf("%s holds no PEM certificate", f.CA)
		}
	}
	return l, nil
}
