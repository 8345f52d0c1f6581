package jointoken

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Signer mints tokens. It is safe for concurrent use.
type Signer struct {
	key    ed25519.PrivateKey
	keyID  string // see KeyID
	verify *Verifier
	now    func() time.Time
}

// NewSigner signs with the key.
func NewSigner(key ed25519.PrivateKey) *Signer {
	s := &Signer{key: key, now: time.Now}
	s.keyID = KeyID(s.Public())
	s.verify = NewVerifier(s.Public())
	return s
}

// Public is the key that verifies what the signer signed.
func (s *Signer) Public() ed25519.PublicKey {
	public, _ := s.key.Public().(ed25519.PublicKey)
	return public
}

// Mint signs a join token. Player, Match, Server and ID must be set.
func (s *Signer) Mint(c Claims) (string, error) {
	if c.Expires.IsZero() {
		c.Expires = s.now().Add(Life)
	}
	claims := &joinClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: c.Player, ID: c.ID, Audience: jwt.ClaimStrings{audienceJoin},
			ExpiresAt: jwt.NewNumericDate(c.Expires),
		},
		Name: c.Name, Match: c.Match, Server: c.Server, Game: c.Game, Mode: c.Mode, Slot: c.Slot, Seal: []byte(c.Seal),
	}
	if !claims.complete() {
		return "", errors.New("jointoken: player, match, server or id is not set")
	}
	return s.sign(claims)
}

// MintGuest signs a guest token, which is good for [GuestLife].
func (s *Signer) MintGuest(player, name string) (string, error) {
	if player == "" {
		return "", errors.New("jointoken: player is not set")
	}
	return s.sign(&guestClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: player, Audience: jwt.ClaimStrings{audienceGuest},
			ExpiresAt: jwt.NewNumericDate(s.now().Add(GuestLife)),
		},
		Name: name,
	})
}

// VerifyGuest returns the player and name of a guest token that this signer, or
// another one with the same key, has minted.
func (s *Signer) VerifyGuest(token string) (player, name string, err error) {
	return s.verify.VerifyGuest(token, s.now())
}

func (s *Signer) sign(claims jwt.Claims) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = s.keyID
	return token.SignedString(s.key)
}
