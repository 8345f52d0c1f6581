package identity

import (
	"context"
	"crypto"
	"encoding/base64"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/codes"
	"pgregory.net/rapid"

	"tactus/matchmaker/internal/failure"
	"tactus/protocol/jointoken"
)

func TestVerifier_acceptsTokensOfTheIssuer(t *testing.T) {
	for _, k := range []keyPair{rsaPair(), ecPair(), edPair()} {
		for name, cfg := range map[string]Config{
			"key set": {JWKSFile: file(t, "jwks.json", keySetOf(rsaPair(), ecPair(), edPair()))},
			"PEM":     {KeyFile: file(t, "issuer.pem", append(append(rsaPair().pem(), ecPair().pem()...), edPair().pem()...))},
			"URL":     {JWKSURL: newIssuer(t, rsaPair(), ecPair(), edPair()).URL},
		} {
			v := verifier(t, cfg)
			for _, id := range []string{k.id, ""} {
				k.id = id
				p := known(t, v, k.sign(t, claims()))
				if p != (Player{ID: "u-7f3a", Name: "Ada"}) {
					t.Errorf("%s from %s with kid %q: %+v", k.method.Alg(), name, id, p)
				}
			}
		}
	}
}

func TestVerifier_rejectsBadTokens(t *testing.T) {
	k := rsaPair()
	v := verifier(t, Config{JWKSFile: file(t, "jwks.json", keySetOf(k, ecPair()))})
	good := k.sign(t, claims())
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	forge := func(method jwt.SigningMethod, key any) string {
		token := jwt.NewWithClaims(method, claims())
		token.Header["kid"] = k.id
		text, err := token.SignedString(key)
		must(err)
		return text
	}
	stranger := newEd(k.id)
	for name, tt := range map[string]struct {
		token  string
		reason failure.Reason
	}{
		"words":                     {"let me in", failure.IdentityMalformed},
		"dots":                      {"..", failure.IdentityMalformed},
		"huge":                      {strings.Repeat("A", maxIdentityToken+1), failure.IdentityTooLarge},
		"huge claims":               {k.sign(t, with("junk", strings.Repeat("x", maxIdentityToken))), failure.IdentityTooLarge},
		"without a signature":       {parts[0] + "." + parts[1] + ".", failure.IdentityForged},
		"another's payload":         {parts[0] + "." + encode([]byte(`{"sub":"root"}`)) + "." + parts[2], failure.IdentityForged},
		"alg none":                  {forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), failure.IdentityAlgorithm},
		"alg None by hand":          {encode([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", failure.IdentityAlgorithm},
		"HS256 with the public key": {forge(jwt.SigningMethodHS256, k.pem()), failure.IdentityAlgorithm},
		"RS512":                     {forge(jwt.SigningMethodRS512, k.key), failure.IdentityAlgorithm},
		"PS256":                     {forge(jwt.SigningMethodPS256, k.key), failure.IdentityAlgorithm},
		"a known id, another key":   {keyPair{k.id, jwt.SigningMethodRS256, otherRSA()}.sign(t, claims()), failure.IdentityForged},
		"a known id, another kind":  {stranger.sign(t, claims()), failure.IdentityForged},
		"an unknown key":            {newEd("ed-9").sign(t, claims()), failure.IdentityKeyUnknown},
		"no id, unknown key":        {newEd("").sign(t, claims()), failure.IdentityForged},
		"expired":                   {k.sign(t, with("exp", now.Add(-leeway-time.Second).Unix())), failure.IdentityExpired},
		"without an expiry":         {k.sign(t, with("exp", nil)), failure.IdentityIncomplete},
		"an expiry that is a word":  {k.sign(t, with("exp", "soon")), failure.IdentityIncomplete},
		"not valid yet":             {k.sign(t, with("nbf", now.Add(leeway+time.Second).Unix())), failure.IdentityNotYetValid},
		"issued in the future":      {k.sign(t, with("iat", now.Add(leeway+time.Second).Unix())), failure.IdentityNotYetValid},
		"wrong audience":            {k.sign(t, with("aud", "my-shop")), failure.IdentityWrongAudience},
		"no audience":               {k.sign(t, with("aud", nil)), failure.IdentityIncomplete},
		"wrong issuer":              {k.sign(t, with("iss", "https://evil.example.com/")), failure.IdentityWrongIssuer},
		"no issuer":                 {k.sign(t, with("iss", nil)), failure.IdentityIncomplete},
		"no player":                 {k.sign(t, with("sub", nil)), failure.IdentityIncomplete},
		"an empty player":           {k.sign(t, with("sub", "")), failure.IdentityIncomplete},
		"a player that is a number": {k.sign(t, with("sub", 7)), failure.IdentityIncomplete},
		"a very long player":        {k.sign(t, with("sub", strings.Repeat("x", maxSubject+1))), failure.IdentityIncomplete},
		"a guest token":             {guestToken(t), failure.IdentityKeyUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := v.Identify(context.Background(), "", tt.token, "")
			reason, _ := failure.ReasonOf(err)
			if reason != tt.reason || failure.Status(err).Code() != codes.Unauthenticated {
				t.Errorf("%+v, %v; want %s", p, err, tt.reason)
			}
		})
	}
}

func otherRSA() crypto.Signer { return otherRSAPair().key }

func guestToken(t *testing.T) string {
	t.Helper()
	token, err := signer().MintGuest("g-1", "Ann")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerifier_allowsLeewayBetweenClocks(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem())})
	for _, c := range []jwt.MapClaims{
		with("exp", now.Add(-leeway+time.Second).Unix()),
		with("nbf", now.Add(leeway-time.Second).Unix()),
		with("iat", now.Add(leeway-time.Second).Unix()),
	} {
		known(t, v, edPair().sign(t, c))
	}
}

func TestVerifier_rejectsDisabledAlgorithms(t *testing.T) {
	v := verifier(t, Config{JWKSFile: file(t, "jwks.json", keySetOf(rsaPair(), edPair())), Algorithms: []string{"EdDSA"}})
	known(t, v, edPair().sign(t, claims()))
	refused(t, v, rsaPair().sign(t, claims()), failure.IdentityAlgorithm)
}

func TestVerifier_acceptsOneOfSeveralAudiences(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem())})
	known(t, v, edPair().sign(t, with("aud", []string{"my-shop", audience})))
}

func TestVerifier_prefersTheIssuersName(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem())})
	for name, tt := range map[string]struct {
		named any
		given string
		want  string
	}{
		"the issuer's counts":   {"Ada", "Root", "Ada"},
		"none: the one given":   {nil, "Root", "Root"},
		"not a text":            {42, "Root", "Root"},
		"not showable":          {"\u202e\u0007", "Root", "Root"},
		"cleaned":               {"  A\u202eda\n ", "", "Ada"},
		"cut, not refused":      {strings.Repeat("é", 40), "", strings.Repeat("é", 24)},
		"blank where it is cut": {strings.Repeat("é", 23) + " zzz", "", strings.Repeat("é", 23)},
	} {
		p, err := v.Identify(context.Background(), "", edPair().sign(t, with("name", tt.named)), tt.given)
		if err != nil || p.Name != tt.want {
			t.Errorf("%s: %q %v, want %q", name, p.Name, err, tt.want)
		}
	}
	p, err := v.Identify(context.Background(), "", edPair().sign(t, with("name", nil)), "")
	if err != nil || p.Name == "" {
		t.Errorf("without any name: %+v %v", p, err)
	}
}

func TestVerifier_readsConfiguredClaims(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem()), PlayerClaim: "account", NameClaim: "nickname"})
	c := with("account", "a-1")
	c["nickname"] = "Countess"
	if p := known(t, v, edPair().sign(t, c)); p.ID != "u-a-1" || p.Name != "Countess" {
		t.Errorf("%+v", p)
	}
	refused(t, v, edPair().sign(t, claims()), failure.IdentityIncomplete)
}

func TestUserID_escapesOtherCharacters(t *testing.T) {
	for subject, want := range map[string]string{
		"7f3a":                                 "u-7f3a",
		"ada@example.com":                      "u-ada@example.com",
		"auth0|5f7c8ec7":                       "u-auth0%7C5f7c8ec7",
		"a/b c%=\n":                            "u-a%2Fb%20c%25%3D%0A",
		"é":                                    "u-%C3%A9",
		"0b9cbe4a-23d1-4e9f-8a39-6d1f0f9b8a2e": "u-0b9cbe4a-23d1-4e9f-8a39-6d1f0f9b8a2e",
		strings.Repeat("x", 62):                "u-" + strings.Repeat("x", 62),
	} {
		if got := userID(subject); got != want {
			t.Errorf("%q is %q, want %q", subject, got, want)
		}
	}
	if got := userID(strings.Repeat("x", 63)); len(got) > maxPlayerID || !strings.HasPrefix(got, "u-=") {
		t.Errorf("a long one is %q", got)
	}
}

func TestUserID_isBoundedPrintableAndDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subject := rapid.OneOf(rapid.String(), rapid.StringMatching(`[%=u\-a]{1,80}`), rapid.StringN(50, 200, -1))
		a, b := subject.Draw(t, "a"), subject.Draw(t, "b")
		ida, idb := userID(a), userID(b)
		if (a == b) != (ida == idb) {
			t.Fatalf("%q and %q are %q and %q", a, b, ida, idb)
		}
		if len(ida) > maxPlayerID || !utf8.ValidString(ida) || strings.ContainsAny(ida, " /*>\x00") || !strings.HasPrefix(ida, userPrefix) {
			t.Fatalf("%q is %q", a, ida)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	v := &Verifier{cfg: Config{}.withDefaults(), signer: signer(), guests: &GuestKeys{verifier: jointoken.NewVerifier(signer().Public())}}
	set, err := parsePEM(edPair().pem())
	must(err)
	v.keys = &keyring{asked: time.Now()}
	v.keys.current.Store(set)
	v.parser = jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired())
	f.Add("", "Ann")
	f.Add(edPair().sign(f, claims()), "")
	f.Add("a.b.c", "\xff")
	f.Fuzz(func(t *testing.T, token, name string) {
		for _, guest := range []string{"", token} {
			p, err := v.Identify(context.Background(), guest, token, name)
			if err == nil && (p.ID == "" || len(p.ID) > maxPlayerID || p.Name == "") {
				t.Errorf("%+v", p)
			}
			if _, ok := failure.ReasonOf(err); err != nil && !ok {
				t.Errorf("no reason: %v", err)
			}
		}
	})
}

func TestVerifier_rejectsCriticalExtensions(t *testing.T) {
	v := verifier(t, Config{KeyFile: file(t, "issuer.pem", edPair().pem())})
	k := edPair()
	token := jwt.NewWithClaims(k.method, claims())
	token.Header["crit"], token.Header["x-bound"] = []string{"x-bound"}, "no"
	text, err := token.SignedString(k.key)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, v, text, failure.IdentityMalformed)
}
