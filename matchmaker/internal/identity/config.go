package identity

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Config says whose players are known here. The zero value knows guests only.
type Config struct {
	// JWKSURL is where the issuer publishes its keys as a JSON Web Key Set
	// (RFC 7517); JWKSFile is a file with one; KeyFile holds PEM public keys or
	// certificates. At most one of the three; none turns identity tokens off.
	JWKSURL, JWKSFile, KeyFile string
	// Issuer and Audience are what the claims iss and aud have to say. Both are
	// needed with keys: without them a token that the issuer made for another
	// of its services would pass.
	Issuer, Audience string
	// Algorithms that a token may be signed by: RS256, ES256, EdDSA. Default:
	// all three.
	Algorithms []string
	// PlayerClaim and NameClaim are the claims with the player's id and name.
	// Defaults: sub, name.
	PlayerClaim, NameClaim string
	// ReservedNames are those that players can't give themselves, nor any that
	// look like them: they get the name that they would have without one. The
	// issuer's tokens and trusted back ends may name anybody so.
	ReservedNames []string
	// NoGuests refuses players without an identity token.
	NoGuests bool
	// Refresh is how often keys are read again. Default 5 min by URL, 10 s from
	// files.
	Refresh time.Duration
	// Client fetches the keys. Default: one with a timeout of 5 s that follows
	// no redirect from https to http.
	Client *http.Client

	now func() time.Time // the tests' clock
}

const (
	// leeway is how far the issuer's clock may be from ours.
	leeway = 30 * time.Second
	// minRefreshInterval is how often tokens with unknown keys can make us ask the
	// issuer again: forging one is free.
	minRefreshInterval = 10 * time.Second
	// minRetry and maxRetry bound the waits after a failed fetch.
	minRetry     = time.Second
	maxRetry     = time.Minute
	fetchTimeout = 5 * time.Second

	maxGuestToken    = 4 << 10
	maxIdentityToken = 8 << 10
	maxKeySetBytes   = 1 << 20
	maxKeys          = 100
	maxSubject       = 512
	maxPlayerID      = 64
)

var algorithms = []string{
	jwt.SigningMethodRS256.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodEdDSA.Alg(),
}

// Enabled tells whether identity tokens are taken.
func (c Config) Enabled() bool { return c.JWKSURL != "" || c.JWKSFile != "" || c.KeyFile != "" }

func (c Config) withDefaults() Config {
	if len(c.Algorithms) == 0 {
		c.Algorithms = algorithms
	}
	c.PlayerClaim = cmp.Or(c.PlayerClaim, "sub")
	c.NameClaim = cmp.Or(c.NameClaim, "name")
	if c.JWKSURL != "" {
		c.Refresh = cmp.Or(c.Refresh, 5*time.Minute)
	}
	c.Refresh = cmp.Or(c.Refresh, 10*time.Second)
	if c.Client == nil {
		c.Client = &http.Client{Timeout: fetchTimeout, CheckRedirect: stayOnTLS}
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

func stayOnTLS(next *http.Request, before []*http.Request) error {
	if before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	if len(before) >= 3 {
		return errors.New("redirected more than three times")
	}
	return nil
}

// Validate returns every mistake in the configuration, nil for none.
func (c Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("identity: "+format, args...)) }
	sources := 0
	for _, source := range []string{c.JWKSURL, c.JWKSFile, c.KeyFile} {
		if source != "" {
			sources++
		}
	}
	if sources > 1 {
		fail("JWKSURL, JWKSFile and KeyFile exclude each other")
	}
	if c.JWKSURL != "" {
		if u, err := url.Parse(c.JWKSURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			fail("JWKSURL %q is not a URL like https://login.example.com/jwks.json", c.JWKSURL)
		}
	}
	if c.Enabled() && c.Issuer == "" {
		fail("Issuer is not set: it is the iss of the tokens")
	}
	if c.Enabled() && c.Audience == "" {
		fail("Audience is not set: it is the aud of the tokens")
	}
	if !c.Enabled() && (c.Issuer != "" || c.Audience != "") {
		fail("Issuer or Audience is set, but no keys: set JWKSURL, JWKSFile or KeyFile")
	}
	if c.NoGuests && !c.Enabled() {
		fail("NoGuests without keys would let nobody in: set JWKSURL, JWKSFile or KeyFile")
	}
	for _, algorithm := range c.Algorithms {
		if !slices.Contains(algorithms, algorithm) {
			fail("algorithm %q is not one of %s", algorithm, strings.Join(algorithms, ", "))
		}
	}
	if c.Refresh < 0 {
		fail("Refresh is %s, at least 0", c.Refresh)
	}
	return errors.Join(errs...)
}
