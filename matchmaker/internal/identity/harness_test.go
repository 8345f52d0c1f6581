package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"tactus/matchmaker/internal/failure"
	"tactus/protocol/jointoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuerName = "https://login.example.com/"
	audience   = "my-game"
)

// now is the tests' present.
var now = time.Unix(1_800_000_000, 0)

// keyPair signs as an issuer does.
type keyPair struct {
	id     string
	method jwt.SigningMethod
	key    crypto.Signer
}

var (
	rsaPair = sync.OnceValue(func() keyPair {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		must(err)
		return keyPair{"rsa-1", jwt.SigningMethodRS256, key}
	})
	ecPair = sync.OnceValue(func() keyPair {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return keyPair{"ec-1", jwt.SigningMethodES256, key}
	})
	otherRSAPair = sync.OnceValue(func() keyPair {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		must(err)
		return keyPair{"rsa-2", jwt.SigningMethodRS256, key}
	})
	edPair = sync.OnceValue(func() keyPair { return newEd("ed-1") })
)

func newEd(id string) keyPair {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	return keyPair{id, jwt.SigningMethodEdDSA, key}
}

func mustURL(text string) *url.URL {
	u, err := url.Parse(text)
	must(err)
	return u
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// claims is what a good token says.
func claims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": issuerName, "aud": audience, "sub": "7f3a", "name": "Ada",
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

func with(name string, value any) jwt.MapClaims {
	c := claims()
	if value == nil {
		delete(c, name)
	} else {
		c[name] = value
	}
	return c
}

// sign makes a token; an empty id leaves kid out.
func (k keyPair) sign(t testing.TB, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(k.method, c)
	if k.id != "" {
		token.Header["kid"] = k.id
	}
	text, err := token.SignedString(k.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// jwk is the public half as the issuer publishes it (RFC 7518, RFC 8037).
func (k keyPair) jwk() map[string]string {
	b64 := base64.RawURLEncoding.EncodeToString
	out := map[string]string{"kid": k.id, "use": "sig", "alg": k.method.Alg()}
	switch public := k.key.Public().(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		must(err)
		out["kty"], out["crv"], out["x"], out["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", b64(public)
	}
	return out
}

func (k keyPair) pem() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.key.Public())
	must(err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func keySetOf(keys ...any) []byte {
	for i, k := range keys {
		if pair, ok := k.(keyPair); ok {
			keys[i] = pair.jwk()
		}
	}
	data, err := json.Marshal(map[string]any{"keys": keys})
	must(err)
	return data
}

// issuer serves a key set that the test changes.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	answer  func(http.ResponseWriter)
	fetched chan struct{} // one for each request
}

func newIssuer(t *testing.T, keys ...any) *issuer {
	t.Helper()
	i := &issuer{fetched: make(chan struct{}, 1000)}
	i.publish(keys...)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		answer := i.answer
		i.mu.Unlock()
		answer(w)
		i.fetched <- struct{}{}
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) serve(answer func(http.ResponseWriter)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) publish(keys ...any) {
	data := keySetOf(keys...)
	i.serve(func(w http.ResponseWriter) { _, _ = w.Write(data) })
}

func (i *issuer) down() {
	i.serve(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })
}

func signer() *jointoken.Signer {
	return jointoken.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
}

// verifier makes one that knows the issuer's users.
func verifier(t *testing.T, cfg Config) *Verifier {
	t.Helper()
	if cfg.Enabled() {
		cfg.Issuer, cfg.Audience = issuerName, audience
	}
	cfg.now = func() time.Time { return now }
	if cfg.Client == nil {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		cfg.Client = &http.Client{Transport: transport, CheckRedirect: stayOnTLS}
	}
	v, err := New(context.Background(), cfg, signer(), nil, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func known(t *testing.T, v *Verifier, token string) Player {
	t.Helper()
	p, err := v.Identify(context.Background(), "", token, "")
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return p
}

func refused(t *testing.T, v *Verifier, token string, want failure.Reason) {
	t.Helper()
	p, err := v.Identify(context.Background(), "", token, "")
	if reason, _ := failure.ReasonOf(err); reason != want {
		t.Errorf("%+v, %v; want %s", p, err, want)
	}
}
