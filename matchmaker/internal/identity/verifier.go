// Package identity authenticates players. A player is a guest with a token of our own,
// without registration, or a user of the game's issuer with a JSON Web Token
// (RFC 7519). All errors are failures (package failure).
package identity

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"tactus/internal/text"
	"tactus/matchmaker/internal/failure"
	"tactus/protocol/jointoken"
)

// Player is an authenticated player.
type Player struct {
	// ID has at most 64 bytes: "g-" and a random text for guests, "u-" and the
	// issuer's id for users.
	ID   string
	Name string // shown to others; never empty
	// GuestToken identifies a guest the next time; empty for users.
	GuestToken string
	Guest      bool
}

// Verifier authenticates players. It is safe for concurrent use.
type Verifier struct {
	cfg    Config
	signer *jointoken.Signer
	guests *GuestKeys
	// reserved are names that players can't choose.
	reserved text.Names
	parser   *jwt.Parser
	keys     *keyring // nil: identity tokens are not accepted
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// New makes a verifier. It reads keys in files now and fails if there are none. Keys
// behind a URL are fetched in the background; until then, tokens are rejected with
// [failure.KeysUnavailable]. The keys are refreshed until ctx ends or
// [Verifier.Close] is called. signer makes guest tokens, guests are the keys that
// these are checked with; nil: the signer's alone.
func New(ctx context.Context, cfg Config, signer *jointoken.Signer, guests *GuestKeys, log *zap.Logger) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	cfg = cfg.withDefaults()
	if guests == nil {
		guests = &GuestKeys{verifier: jointoken.NewVerifier(signer.Public())}
	}
	v := &Verifier{cfg: cfg, signer: signer, guests: guests, reserved: text.NewNames(cfg.ReservedNames), stop: func() {}}
	if !cfg.Enabled() {
		return v, nil
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(cfg.Algorithms), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(cfg.now),
		jwt.WithIssuer(cfg.Issuer), jwt.WithAudience(cfg.Audience),
	)
	var err error
	if v.keys, err = newKeyring(ctx, cfg, log); err != nil {
		return nil, err
	}
	ctx, v.stop = context.WithCancel(ctx)
	v.done.Go(func() { v.keys.run(ctx) })
	return v, nil
}

// Close ends the work in the background, and waits for it.
func (v *Verifier) Close() {
	v.stop()
	v.done.Wait()
}

// Identify returns the calling player: a user by the identity token if there is
// one, else a guest. A guest's name is the given one, or that of the guest token. A
// user's name is the issuer's, or the given one. A reserved name counts as not given,
// unless it is the issuer's.
func (v *Verifier) Identify(ctx context.Context, guestToken, identityToken, name string) (Player, error) {
	name, err := CleanName(name)
	if err != nil {
		return Player{}, err
	}
	if v.reserved.Has(name) {
		name = ""
	}
	switch {
	case identityToken != "":
		return v.user(ctx, identityToken, name)
	case v.cfg.NoGuests:
		return Player{}, failure.New(failure.IdentityRequired)
	}
	return v.guest(ctx, guestToken, name)
}

// AdmitAnonymous returns an error when calls without any token are not accepted, as they
// are of no player.
func (v *Verifier) AdmitAnonymous() error {
	if v.cfg.NoGuests {
		return failure.New(failure.IdentityRequired)
	}
	return nil
}

func (v *Verifier) user(ctx context.Context, token, name string) (Player, error) {
	if v.keys == nil {
		return Player{}, failure.New(failure.IdentityNotAccepted)
	}
	if len(token) > maxIdentityToken {
		return Player{}, failure.Newf(failure.IdentityTooLarge, "the identity token has %d bytes, at most %d", len(token), maxIdentityToken)
	}
	claims := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical { // RFC 7515 section 4.1.11
			return nil, failure.Newf(failure.IdentityMalformed, "the identity token has critical extensions (crit); none is known here")
		}
		return v.keys.find(ctx, t)
	})
	if err != nil {
		return Player{}, v.rejection(parsed, err)
	}
	subject, _ := claims[v.cfg.PlayerClaim].(string)
	if subject == "" || len(subject) > maxSubject {
		return Player{}, failure.Newf(failure.IdentityIncomplete,
			"the identity token's claim %s is not a text of 1 to %d bytes", v.cfg.PlayerClaim, maxSubject)
	}
	named, _ := claims[v.cfg.NameClaim].(string) // the player can't change it: a name that can't be shown counts as none
	return Player{ID: userID(subject), Name: cmp.Or(text.Name(named), name, guestName())}, nil
}

// rejection is the failure for a token that does not parse or verify.
func (v *Verifier) rejection(token *jwt.Token, err error) error {
	var already *failure.Error // from the keyring
	is := func(target error) bool { return errors.Is(err, target) }
	var reason failure.Reason
	switch {
	case errors.As(err, &already):
		return already
	case is(jwt.ErrTokenMalformed):
		reason = failure.IdentityMalformed
	case token == nil || token.Method == nil || !v.accepts(token.Method.Alg()):
		return failure.Newf(failure.IdentityAlgorithm,
			"the identity token is not signed by one of %s", strings.Join(v.cfg.Algorithms, ", ")).Because(err)
	case is(jwt.ErrTokenSignatureInvalid), is(jwt.ErrTokenUnverifiable):
		reason = failure.IdentityForged
	case is(jwt.ErrTokenInvalidIssuer):
		reason = failure.IdentityWrongIssuer
	case is(jwt.ErrTokenInvalidAudience):
		reason = failure.IdentityWrongAudience
	case is(jwt.ErrTokenExpired):
		reason = failure.IdentityExpired
	case is(jwt.ErrTokenNotValidYet), is(jwt.ErrTokenUsedBeforeIssued):
		reason = failure.IdentityNotYetValid
	default:
		reason = failure.IdentityIncomplete
	}
	return failure.New(reason).Because(err)
}

func (v *Verifier) accepts(algorithm string) bool {
	return slices.Contains(v.cfg.Algorithms, algorithm)
}
