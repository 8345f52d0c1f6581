package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Pair names the PEM files of a certificate, with its chain, and of its private key.
type Pair struct{ Cert, Key string }

var errNoCertificate = errors.New("no certificate and key are given")

// Pairs are the certificates of one port. A client gets the first that is valid for
// the name it asks for (SNI, RFC 6066 section 3) and for what it supports.
type Pairs []Pair

// NewPairs joins the files of certificates and of keys by their position.
func NewPairs(certs, keys []string) (Pairs, error) {
	if len(certs) != len(keys) {
		return nil, fmt.Errorf("%d certificates and %d keys are given; each certificate needs its key, in the same order", len(certs), len(keys))
	}
	pairs := make(Pairs, len(certs))
	for i := range certs {
		if certs[i] == "" || keys[i] == "" {
			return nil, errHalfAPair
		}
		pairs[i] = Pair{Cert: certs[i], Key: keys[i]}
	}
	return pairs, nil
}

// Load reads the files.
func (p Pairs) Load() ([]tls.Certificate, error) {
	text, err := p.read()
	if err != nil {
		return nil, err
	}
	return p.parse(text)
}

// read returns the content of all files: of each certificate, then of its key.
func (p Pairs) read() ([][]byte, error) {
	text := make([][]byte, 0, 2*len(p))
	for _, pair := range p {
		for _, path := range [...]string{pair.Cert, pair.Key} {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			text = append(text, b)
		}
	}
	return text, nil
}

func (p Pairs) parse(text [][]byte) ([]tls.Certificate, error) {
	list := make([]tls.Certificate, 0, len(p))
	for i, pair := range p {
		c, err := tls.X509KeyPair(text[2*i], text[2*i+1])
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", pair.Cert, pair.Key, err)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errNoCertificate
	}
	return list, nil
}

// digest identifies the content of files.
func digest(text [][]byte) (sum [sha256.Size]byte) {
	each := make([][]byte, len(text))
	for i, b := range text {
		one := sha256.Sum256(b)
		each[i] = one[:]
	}
	return sha256.Sum256(bytes.Join(each, nil))
}

// choose returns the first certificate that suits the client, else nil.
func choose(list []tls.Certificate, hello *tls.ClientHelloInfo) *tls.Certificate {
	for i := range list {
		if hello.SupportsCertificate(&list[i]) == nil {
			return &list[i]
		}
	}
	return nil
}

// leaves returns the certificates themselves, without their chains.
func leaves(list []tls.Certificate) []*x509.Certificate {
	out := make([]*x509.Certificate, 0, len(list))
	for _, c := range list {
		if c.Leaf != nil {
			out = append(out, c.Leaf)
		}
	}
	return out
}
