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

// Config says how players authenticate. The zero value accepts guests only.
type Config struct {
	// JWKSURL is the URL of the issuer's JSON Web Key Set (RFC 7517). JWKSFile is a
	// file with one. KeyFile holds PEM public keys or certificates. At most one of the
	// three may be set; without any, identity tokens are off.
	JWKSURL, JWKSFile, KeyFile string
	// Issuer and Audience are the required values of the claims iss and aud. Both are
	// needed with keys: otherwise a token for another service of the issuer would
	// pass.
	Issuer, Audience string
	// Algorithms that a token may be signed by: RS256, ES256, EdDSA. Default:
	// all three.
	Algorithms []string
	// PlayerClaim and NameClaim are the claims with the player's id and name.
	// Defaults: sub, name.
	PlayerClaim, NameClaim string
	// ReservedNames are names that players can't choose, and neither can they choose
	// names that look alike: they get the name of a player without one. The
	// issuer's tokens and trusted back ends may use these names.
	ReservedNames []string
	// NoGuests rejects players without an identity token.
	NoGuests bool
	// Refresh is how often keys are read. Default: 5 min from a URL, 10 s from files.
	Refresh time.Duration
	// Client fetches the keys. Default: a client with a timeout of 5 s that follows no
	// redirect from https to http.
	Client *http.Client

	now func() time.Time // for tests
}

const (
	// leeway is the allowed difference between the issuer's clock and ours.
	leeway = 30 * time.Second
	// minRefreshInterval is between two fetches that tokens with unknown keys cause:
	// forged tokens cost an attacker nothing.
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

// Enabled reports whether identity tokens are accepted.
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
		fail("NoGuests without keys would reject every player: set JWKSURL, JWKSFile or KeyFile")
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
