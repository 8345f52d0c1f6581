package storetest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"tactus/internal/certificate"
	"tactus/internal/certificate/certtest"
)

// security makes a node accept only clients with a certificate of an authority and the
// credentials of a user.
type security struct {
	Authority string // file
	Pair      certificate.Pair
	Operator  string            // public key
	System    string            // account that JetStream needs, by its public key
	Accounts  map[string]string // JWTs by public key
}

// apply changes the options of a node.
func (s *security) apply(opts *server.Options) error {
	if s == nil {
		return nil
	}
	config, err := server.GenTLSConfig(&server.TLSConfigOpts{CertFile: s.Pair.Cert, KeyFile: s.Pair.Key, CaFile: s.Authority, Verify: true})
	if err != nil {
		return err
	}
	resolver := &server.MemAccResolver{}
	for key, token := range s.Accounts {
		err = errors.Join(err, resolver.Store(key, token))
	}
	opts.TLS, opts.TLSVerify, opts.TLSConfig, opts.TLSTimeout = true, true, config, 5
	opts.TrustedKeys, opts.SystemAccount, opts.AccountResolver = []string{s.Operator}, s.System, resolver
	return err
}

// Secure is one node, in a process of its own, that requires TLS with client
// certificates and a user's credentials.
type Secure struct {
	*certtest.Authority
	URL         string
	Client      certificate.Pair // that the node accepts
	Credentials string           // file
}

// StartSecure starts the node, which ends with the test.
func StartSecure(t testing.TB) *Secure {
	t.Helper()
	a := certtest.NewAuthority(t)
	operator, operatorKey := newKey(t, nkeys.CreateOperator)
	_, systemKey := newKey(t, nkeys.CreateAccount)
	account, accountKey := newKey(t, nkeys.CreateAccount)
	user, userKey := newKey(t, nkeys.CreateUser)
	claims := jwt.NewAccountClaims(accountKey)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	s := &security{
		Authority: a.CA, Pair: a.Issue("node", "127.0.0.1"), Operator: operatorKey, System: systemKey,
		Accounts: map[string]string{
			accountKey: signed(t, claims, operator), systemKey: signed(t, jwt.NewAccountClaims(systemKey), operator),
		},
	}
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(signed(t, jwt.NewUserClaims(userKey), account), seed)
	if err != nil {
		t.Fatal(err)
	}
	credentials := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(credentials, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, running: make([]*process, 1)}
	c.nodes = []node{{Name: "secure", Port: FreePorts(t, 1)[0], Dir: t.TempDir(), Security: s}}
	t.Cleanup(func() { c.Kill(0) })
	c.start(0)
	return &Secure{Authority: a, URL: c.URL(), Client: a.Issue("client"), Credentials: credentials}
}

func newKey(t testing.TB, create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
	t.Helper()
	pair, err := create()
	if err == nil {
		public, err = pair.PublicKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return pair, public
}

func signed(t testing.TB, claims jwt.Claims, by nkeys.KeyPair) string {
	t.Helper()
	token, err := claims.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
