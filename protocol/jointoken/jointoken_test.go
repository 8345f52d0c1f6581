package jointoken

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var start = time.Unix(1_800_000_000, 0)

// keyOf makes the same key of the same name, so that the tests need no luck.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func signerAt(name string, now time.Time) *Signer {
	s := NewSigner(keyOf(name))
	s.now = func() time.Time { return now }
	return s
}

func seat() Claims {
	return Claims{
		Player: "p-1", Name: "Ada", Match: "m-1", Server: "s-1", Game: "arena", Mode: "ffa", Slot: 7, ID: "r-1",
	}
}

func mint(t testing.TB, s *Signer, c Claims) string {
	t.Helper()
	token, err := s.Mint(c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge signs any claims by any method.
func forge(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func claimsOf(c Claims, audience string, expires any) jwt.MapClaims {
	m := jwt.MapClaims{
		"sub": c.Player, "jti": c.ID, "aud": audience, "name": c.Name, "match": c.Match, "server": c.Server,
		"game": c.Game, "mode": c.Mode, "slot": c.Slot,
	}
	if expires != nil {
		m["exp"] = expires
	}
	return m
}

func TestVerify_returnsSignedClaims(t *testing.T) {
	s := signerAt("matchmaker", start)
	got, err := NewVerifier(s.Public()).Verify(mint(t, s, seat()), "s-1", start.Add(Life-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	want := seat()
	want.Expires = start.Add(Life)
	if !got.Expires.Equal(want.Expires) {
		t.Errorf("expires %v, want %v", got.Expires, want.Expires)
	}
	got.Expires = want.Expires
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestVerify_allowsClockSkew: a server's clock may be ahead of the matchmaker's, or
// behind.
func TestVerify_allowsClockSkew(t *testing.T) {
	s := signerAt("matchmaker", start)
	token := mint(t, s, seat())
	for ahead, want := range map[time.Duration]error{
		-time.Hour: nil, 0: nil, Life: nil, Life + Leeway - time.Second: nil, Life + Leeway: ErrExpired,
	} {
		if _, err := NewVerifier(s.Public()).Verify(token, "s-1", start.Add(ahead)); !errors.Is(err, want) {
			t.Errorf("a server whose clock is ahead by %v: %v, want %v", ahead, err, want)
		}
	}
}

func TestVerify_rejectsBadTokens(t *testing.T) {
	s := signerAt("matchmaker", start)
	good := mint(t, s, seat())
	parts := strings.Split(good, ".")
	guest, err := s.MintGuest("p-1", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	exp := start.Add(Life).Unix()
	public := []byte(s.Public())
	encode := base64.RawURLEncoding.EncodeToString
	other := claimsOf(seat(), audienceJoin, exp)
	other["server"] = "s-2"
	elsewhere := claimsOf(seat(), audienceGuest, start.Add(-time.Hour).Unix())
	incomplete := claimsOf(seat(), audienceJoin, exp)
	delete(incomplete, "jti")
	for name, c := range map[string]struct {
		token string
		err   error
	}{
		"nothing":                   {"", ErrBadToken},
		"words":                     {"let me in", ErrBadToken},
		"dots":                      {"..", ErrBadToken},
		"cut short":                 {good[:len(good)-4], ErrBadToken},
		"without a signature":       {parts[0] + "." + parts[1] + ".", ErrBadToken},
		"another's payload":         {parts[0] + "." + encode([]byte(`{"sub":"p-2"}`)) + "." + parts[2], ErrBadToken},
		"one bit of the signature":  {parts[0] + "." + parts[1] + "." + flip(parts[2]), ErrBadToken},
		"something behind it":       {good + ".x", ErrBadToken},
		"longer than any":           {good + strings.Repeat("A", maxToken), ErrBadToken},
		"another key":               {mint(t, signerAt("stranger", start), seat()), ErrBadToken},
		"alg none":                  {forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsOf(seat(), audienceJoin, exp)), ErrBadToken},
		"alg None by hand":          {encode([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", ErrBadToken},
		"HS256 with the public key": {forge(t, jwt.SigningMethodHS256, public, claimsOf(seat(), audienceJoin, exp)), ErrBadToken},
		"without an expiry":         {forge(t, jwt.SigningMethodEdDSA, s.key, claimsOf(seat(), audienceJoin, nil)), ErrBadToken},
		"an expiry that is a word":  {forge(t, jwt.SigningMethodEdDSA, s.key, claimsOf(seat(), audienceJoin, "soon")), ErrBadToken},
		"without an audience":       {forge(t, jwt.SigningMethodEdDSA, s.key, jwt.MapClaims{"sub": "p", "exp": exp}), ErrBadToken},
		"a guest token":             {guest, ErrBadToken},
		"an expired guest token":    {forge(t, jwt.SigningMethodEdDSA, s.key, elsewhere), ErrBadToken},
		"critical extensions":       {critical(t, s, exp), ErrBadToken},
		"without an id":             {forge(t, jwt.SigningMethodEdDSA, s.key, incomplete), ErrBadToken},
		"another server's":          {forge(t, jwt.SigningMethodEdDSA, s.key, other), ErrWrongServer},
		"expired":                   {mint(t, signerAt("matchmaker", start.Add(-Life-Leeway)), seat()), ErrExpired},
	} {
		got, err := NewVerifier(s.Public()).Verify(c.token, "s-1", start)
		if !errors.Is(err, c.err) || got != (Claims{}) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, c.err)
		}
	}
}

// critical is a token that is good but for an extension that must be understood.
func critical(t testing.TB, s *Signer, expires any) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claimsOf(seat(), audienceJoin, expires))
	token.Header["crit"], token.Header["x-bound"] = []string{"x-bound"}, "no"
	signed, err := token.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestVerifier_goesByTheKeyID(t *testing.T) {
	first, second := signerAt("first", start), signerAt("second", start)
	v := NewVerifier(first.Public(), second.Public())
	token := mint(t, second, seat())
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil || !strings.Contains(string(header), `"kid":"`+KeyID(second.Public())+`"`) {
		t.Errorf("header %s %v", header, err)
	}
	named := func(id any) error {
		forged := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claimsOf(seat(), audienceJoin, start.Add(Life).Unix()))
		if id != nil {
			forged.Header["kid"] = id
		}
		signed, err := forged.SignedString(second.key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(signed, "s-1", start)
		return err
	}
	for _, c := range []struct {
		id   any
		want error
	}{
		{KeyID(second.Public()), nil}, {nil, nil}, // of an earlier release
		{KeyID(first.Public()), ErrUnknownKey}, {"unheard of", ErrUnknownKey}, {7, ErrUnknownKey},
	} {
		if err := named(c.id); !errors.Is(err, c.want) {
			t.Errorf("kid %v: %v, want %v", c.id, err, c.want)
		}
	}
}

// flip changes a bit that counts in the last byte but one of a signature.
func flip(signature string) string {
	b, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		panic(err)
	}
	b[len(b)-2] ^= 1
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestVerifyGuest_returnsSignedClaims(t *testing.T) {
	s := signerAt("matchmaker", start)
	token, err := s.MintGuest("p-1", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if player, name, err := s.VerifyGuest(token); player != "p-1" || name != "Ada" || err != nil {
		t.Errorf("%q, %q, %v", player, name, err)
	}
	if _, _, err := s.VerifyGuest(mint(t, s, seat())); !errors.Is(err, ErrBadToken) {
		t.Errorf("a join token: %v", err)
	}
	if _, _, err := signerAt("stranger", start).VerifyGuest(token); !errors.Is(err, ErrBadToken) {
		t.Errorf("another's guest: %v", err)
	}
	if _, _, err := signerAt("matchmaker", start.Add(GuestLife)).VerifyGuest(token); !errors.Is(err, ErrExpired) {
		t.Errorf("after a year: %v", err)
	}
	nobody := forge(t, jwt.SigningMethodEdDSA, s.key, jwt.MapClaims{"aud": audienceGuest, "exp": start.Add(Life).Unix()})
	if _, _, err := s.VerifyGuest(nobody); !errors.Is(err, ErrBadToken) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := s.MintGuest("", "Ada"); err == nil {
		t.Error("a guest without an id was signed")
	}
}

func TestMint_rejectsIncompleteClaims(t *testing.T) {
	s := signerAt("matchmaker", start)
	for name, spoil := range map[string]func(c *Claims){
		"player": func(c *Claims) { c.Player = "" }, "match": func(c *Claims) { c.Match = "" },
		"server": func(c *Claims) { c.Server = "" }, "id": func(c *Claims) { c.ID = "" },
	} {
		c := seat()
		spoil(&c)
		if _, err := s.Mint(c); err == nil {
			t.Errorf("signed without %s", name)
		}
	}
}

func TestKeys_canBeReplaced(t *testing.T) {
	first, second := signerAt("first", start), signerAt("second", start)
	v := NewVerifier()
	passes := func(s *Signer) bool {
		_, err := v.Verify(mint(t, s, seat()), "s-1", start)
		return err == nil
	}
	if passes(first) {
		t.Error("a verifier without keys trusts somebody")
	}
	v.Replace(first.Public(), second.Public())
	if !passes(first) || !passes(second) {
		t.Error("one of two keys is not trusted")
	}
	v.Replace(second.Public())
	if passes(first) || !passes(second) {
		t.Error("the old key is still trusted")
	}
	v.Replace(ed25519.PublicKey("short"))
	if passes(second) {
		t.Error("a key of the wrong size did not replace the others")
	}
}

func TestKeys_canBeReplacedConcurrently(t *testing.T) {
	s := signerAt("matchmaker", start)
	v := NewVerifier(s.Public())
	token := mint(t, s, seat())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if _, err := v.Verify(token, "s-1", start); err != nil {
					t.Error(err)
				}
				v.Replace(signerAt("other", start).Public(), s.Public())
			}
		})
	}
	group.Wait()
}

func FuzzVerify(f *testing.F) {
	s := signerAt("matchmaker", start)
	good := mint(f, s, seat())
	guest, err := s.MintGuest("p-1", "Ada")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(guest)
	f.Add(good[:20])
	f.Add("..")
	f.Add("e30.e30.")
	f.Add(forge(f, jwt.SigningMethodHS256, []byte("key"), claimsOf(seat(), audienceJoin, start.Add(Life).Unix())))
	v := NewVerifier(s.Public())
	want, err := v.Verify(good, "s-1", start)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		got, err := v.Verify(token, "s-1", start)
		// Nobody but the signer can make a token that passes; base64 leaves some
		// freedom in how the same bytes are spelt, so the claims are compared.
		if err == nil && (got.Player != want.Player || got.ID != want.ID || !bytes.HasPrefix([]byte(token), []byte("eyJ"))) {
			t.Fatalf("%q passes: %+v", token, got)
		}
		if player, _, err := v.VerifyGuest(token, start); err == nil && player != "p-1" {
			t.Fatalf("%q passes for guest %q", token, player)
		}
	})
}
