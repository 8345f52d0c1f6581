// Package identity says who a player is: a guest with a token of our own, whom
// nobody has to sign up, or a user of the game's own issuer with a JSON Web
// Token (RFC 7519). All errors are those of package failure.
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

// Player is who is asking.
type Player struct {
	// ID is at most 64 bytes: "g-" and a random text for guests, "u-" and the
	// issuer's id of others.
	ID   string
	Name string // shown to others; never empty
	// GuestToken is who a guest is the next time; empty for others.
	GuestToken string
	Guest      bool
}

// Verifier tells players apart. It is safe for concurrent use.
type Verifier struct {
	cfg    Config
	signer *jointoken.Signer
	guests *GuestKeys
	// reserved are names that nobody can give themselves.
	reserved text.Names
	parser   *jwt.Parser
	keys     *keyring // nil: identity tokens are not taken
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// New makes a verifier. Keys in files are read now, and it is an error when
// there is none; keys behind a URL are fetched in the background, and tokens
// are refused with [failure.KeysUnavailable] until they are there. Reading them
// again ends with ctx or by [Verifier.Close]. signer makes guest tokens; guests
// are the keys by which they are known again, nil for the signer's alone.
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

// Close ends what goes on in the background, and waits for it.
func (v *Verifier) Close() {
	v.stop()
	v.done.Wait()
}

// Identify tells who asks, by the identity token if there is one. A guest's
// name is the one given, or else the one of the guest token; a user's name is
// the issuer's, or else the one given. A reserved name counts as none given,
// unless the issuer says it.
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

func (v *Verifier) user(ctx context.Context, token, name string) (Player, error) {
	if v.keys == nil {
		return Player{}, failure.New(failure.IdentityNotAccepted)
	}
	if len(token) > maxIdentityToken {
		return Player{}, failure.Newf(failure.IdentityTooLarge, "the identity token has %d bytes, at most %d", len(token), maxIdentityToken)
	}
	claims := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return v.keys.find(ctx, t) })
	if err != nil {
		return Player{}, v.rejection(parsed, err)
	}
	subject, _ := claims[v.cfg.PlayerClaim].(string)
	if subject == "" || len(subject) > maxSubject {
		return Player{}, failure.Newf(failure.IdentityIncomplete,
			"the identity token's claim %s is not a text of 1 to %d bytes", v.cfg.PlayerClaim, maxSubject)
	}
	named, _ := claims[v.cfg.NameClaim].(string) // which its player can't mend: what can't be shown counts as nothing
	return Player{ID: userID(subject), Name: cmp.Or(text.Name(named), name, guestName())}, nil
}

// refused says what is wrong with a token.
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
