package jointoken

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Verifier checks tokens against a set of public keys: those of the matchmakers
// that a server listens to. It is safe for concurrent use.
type Verifier struct {
	keys atomic.Pointer[keySet]
}

// keySet are trusted keys.
type keySet struct {
	byID map[string]ed25519.PublicKey
	all  jwt.VerificationKeySet
}

// KeyID names a public key: the parameter kid of the tokens that it verifies (RFC 7515
// section 4.1.4), in logs and in stores.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// NewVerifier trusts the keys.
func NewVerifier(keys ...ed25519.PublicKey) *Verifier {
	v := &Verifier{}
	v.Replace(keys...)
	return v
}

// Replace trusts the keys from now on, and no others.
func (v *Verifier) Replace(keys ...ed25519.PublicKey) {
	set := &keySet{byID: make(map[string]ed25519.PublicKey, len(keys))}
	for _, key := range keys {
		if len(key) == ed25519.PublicKeySize {
			key = slices.Clone(key)
			set.byID[KeyID(key)] = key
			set.all.Keys = append(set.all.Keys, key)
		}
	}
	v.keys.Store(set)
}

// Verify returns what a join token says. It is an error for a token to be
// malformed, forged or of another kind ([ErrBadToken]), past its time by more than
// [Leeway] ([ErrExpired]), or made for another server ([ErrWrongServer]).
func (v *Verifier) Verify(token, server string, now time.Time) (Claims, error) {
	var c joinClaims
	if err := v.parse(token, &c, audienceJoin, now.Add(-Leeway)); err != nil {
		return Claims{}, err
	}
	if !c.complete() {
		return Claims{}, ErrBadToken
	}
	if c.Server != server {
		return Claims{}, ErrWrongServer
	}
	return c.claims(), nil
}

// VerifyGuest returns the player and name of a guest token. Errors are those of
// [Verifier.Verify].
func (v *Verifier) VerifyGuest(token string, now time.Time) (player, name string, err error) {
	var c guestClaims
	if err := v.parse(token, &c, audienceGuest, now); err != nil {
		return "", "", err
	}
	if c.Subject == "" {
		return "", "", ErrBadToken
	}
	return c.Subject, c.Name, nil
}

// find returns the key that a token names, and all for a token without a name, of an
// earlier release. A token with critical extensions is rejected: none is understood
// here (RFC 7515 section 4.1.11).
func (k *keySet) find(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, ErrBadToken
	}
	id, named := t.Header["kid"]
	if !named {
		return k.all, nil
	}
	name, _ := id.(string)
	key := k.byID[name]
	if key == nil {
		return nil, ErrUnknownKey
	}
	return key, nil
}

// parse checks signature, kind and time, in this order.
func (v *Verifier) parse(token string, claims jwt.Claims, audience string, now time.Time) error {
	if len(token) > maxToken {
		return ErrBadToken
	}
	keys := v.keys.Load()
	if len(keys.byID) == 0 {
		return ErrBadToken
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithExpirationRequired(), jwt.WithAudience(audience), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	_, err := parser.ParseWithClaims(token, claims, keys.find)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidAudience):
		return ErrExpired
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, ErrUnknownKey):
		return ErrUnknownKey
	}
	return ErrBadToken
}
