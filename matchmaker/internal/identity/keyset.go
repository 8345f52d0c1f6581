package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

var (
	errUnknownKey = errors.New("no key of this id")
	errNoKeys     = errors.New("no key in it that can sign identity tokens")
)

// keySet holds the issuer's keys at one time. It does not change.
type keySet struct {
	byID    map[string]keyfunc.Keyfunc
	all     jwt.VerificationKeySet // for tokens that name no key
	skipped int                    // keys for other uses
}

// find returns the key that the token names, or all keys when it names none.
func (s *keySet) find(token *jwt.Token) (any, error) {
	id, named := token.Header["kid"]
	if !named || s.byID == nil { // PEM keys have no ids
		return s.all, nil
	}
	text, ok := id.(string)
	if !ok {
		return nil, errors.New("kid is not a text")
	}
	key, ok := s.byID[text]
	if !ok {
		return nil, errUnknownKey
	}
	return key.Keyfunc(token)
}

// jwkHead is the part of a key that says whether it is public and for signatures.
type jwkHead struct {
	Type string `json:"kty"`
	Use  string `json:"use"`
	ID   string `json:"kid"`
}

func (h jwkHead) signs() bool {
	return (h.Type == "RSA" || h.Type == "EC" || h.Type == "OKP") && (h.Use == "" || h.Use == "sig")
}

// parseKeySet reads a JSON Web Key Set (RFC 7517). It skips keys of other kinds and
// for other uses, as section 5 asks. A set without usable keys is an error.
func parseKeySet(data []byte) (*keySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, at most %d", len(raw.Keys), maxKeys)
	}
	set := &keySet{byID: make(map[string]keyfunc.Keyfunc, len(raw.Keys))}
	for _, one := range raw.Keys {
		if err := set.add(one); err != nil {
			set.skipped++
		}
	}
	if len(set.all.Keys) == 0 {
		return nil, errNoKeys
	}
	return set, nil
}

func (s *keySet) add(raw json.RawMessage) error {
	var head jwkHead
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	if !head.signs() {
		return errNoKeys
	}
	key, err := keyfunc.NewJWKJSON(raw)
	if err != nil {
		return err
	}
	public, err := key.VerificationKeySet(context.Background())
	if err != nil {
		return err
	}
	for _, p := range public.Keys {
		if !verifies(p) {
			return errNoKeys
		}
	}
	s.all.Keys = append(s.all.Keys, public.Keys...)
	if head.ID != "" {
		s.byID[head.ID] = key
	}
	return nil
}

// parsePEM reads public keys (PKIX, PKCS #1) and certificates, any number in one file.
// Of a certificate it reads the key alone.
func parsePEM(data []byte) (*keySet, error) {
	set := &keySet{}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		key, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %q: %w", block.Type, err)
		}
		if len(set.all.Keys) == maxKeys {
			return nil, fmt.Errorf("over %d keys", maxKeys)
		}
		set.all.Keys = append(set.all.Keys, key)
	}
	if len(set.all.Keys) == 0 {
		return nil, errNoKeys
	}
	return set, nil
}

func parseBlock(block *pem.Block) (crypto.PublicKey, error) {
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	default:
		err = errors.New("want PUBLIC KEY or CERTIFICATE")
	}
	if err == nil && !verifies(key) {
		err = fmt.Errorf("a key of type %T can't check RS256, ES256 or EdDSA", key)
	}
	return key, err
}

func verifies(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}
