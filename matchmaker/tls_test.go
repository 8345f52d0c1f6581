package matchmaker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// issue makes a certificate, for servers and clients alike unless told
// otherwise, and its key.
func (a *authority) issue(t *testing.T, name string, uses ...x509.ExtKeyUsage) (cert, key []byte) {
	t.Helper()
	return a.issueTo(t, subject{name: name, units: []string{"matchmaker", "server", "backend"}}, uses...)
}

// subject is what a certificate says of its holder.
type subject struct {
	name        string
	units, uris []string
}

func (a *authority) issueTo(t *testing.T, to subject, uses ...x509.ExtKeyUsage) (cert, key []byte) {
	t.Helper()
	var uris []*url.URL
	for _, text := range to.uris {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		uris = append(uris, uri)
	}
	if uses == nil {
		uses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: to.name, OrganizationalUnit: to.units}, URIs: uris, DNSNames: []string{"matchmaker.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: uses,
	}, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// secured is a matchmaker whose internal port wants certificates of its
// authority.
type secured struct {
	*world
	*authority
	files matchmaker.TLSFiles
	addr  string
	logs  *observer.ObservedLogs
}

func (s *secured) write(path string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func filesIn(dir string) matchmaker.TLSFiles {
	return matchmaker.TLSFiles{
		CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"),
	}
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{world: &world{t: t}, authority: newAuthority(t), files: filesIn(t.TempDir())}
	s.replace(s.authority, "first")
	core, logs := observer.New(zap.WarnLevel)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.world = startLogged(t, zap.New(core), func(c *matchmaker.Config) { c.InternalListener, c.InternalTLSFiles = listener, s.files })
	s.logs = logs
	return s
}

// replace writes new files, as a renewal does.
func (s *secured) replace(a *authority, name string) {
	cert, key := a.issue(s.t, name)
	s.write(s.files.CA, a.pem())
	s.write(s.files.Key, key)
	s.write(s.files.Cert, cert)
}

// dialTLS connects with the certificate that the authority issues, or without
// one, and tells the server's name.
func (s *secured) dialTLS(trusted, issuer *authority) (server string, err error) {
	s.t.Helper()
	var certificates []tls.Certificate
	if issuer != nil {
		cert, key := issuer.issue(s.t, "game-server")
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			s.t.Fatal(err)
		}
		certificates = []tls.Certificate{pair}
	}
	roots := x509.NewCertPool()
	roots.AddCert(trusted.cert)
	creds := credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "matchmaker.test", RootCAs: roots, Certificates: certificates,
		VerifyConnection: func(c tls.ConnectionState) error {
			server = c.PeerCertificates[0].Subject.CommonName
			return nil
		},
	})
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = matchmakerv1.NewMatchmakerServiceClient(conn).ListGames(ctx, &matchmakerv1.ListGamesRequest{})
	return server, err
}

func TestTLS_internalPortAuthenticatesClients(t *testing.T) {
	s := startSecured(t)
	stranger := newAuthority(t)
	if server, err := s.dialTLS(s.authority, s.authority); err != nil || server != "first" {
		t.Errorf("a client with a certificate: %q %v", server, err)
	}
	if _, err := s.dialTLS(s.authority, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("a client without one: %v", err)
	}
	if _, err := s.dialTLS(s.authority, stranger); status.Code(err) != codes.Unavailable {
		t.Errorf("a client with somebody else's: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	plain := matchmakerv1.NewMatchmakerServiceClient(s.conn) // without TLS
	if _, err := plain.ListGames(ctx, &matchmakerv1.ListGamesRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a client without TLS: %v", err)
	}
}

func TestTLS_usesRenewedCertificates(t *testing.T) {
	s := startSecured(t)
	if _, err := s.dialTLS(s.authority, s.authority); err != nil {
		t.Fatal(err)
	}
	old, renewed := s.authority, newAuthority(t)
	s.replace(renewed, "second")
	if server, err := s.dialTLS(renewed, renewed); err != nil || server != "second" {
		t.Errorf("after the renewal: %q %v", server, err)
	}
	if _, err := s.dialTLS(renewed, old); err == nil {
		t.Error("clients of the old authority still get in")
	}
}

func TestTLS_halfARenewalKeepsTheOldFiles(t *testing.T) {
	s := startSecured(t)
	cert, _ := s.issue(t, "second")
	s.write(s.files.Cert, cert) // its key is not there yet
	for range 3 {
		if server, err := s.dialTLS(s.authority, s.authority); err != nil || server != "first" {
			t.Errorf("between the two files: %q %v", server, err)
		}
	}
	if n := s.logs.FilterMessage("changed TLS files not usable, keeping the old ones").Len(); n != 1 {
		t.Errorf("said %d times", n)
	}
	if err := os.Remove(s.files.CA); err != nil {
		t.Fatal(err)
	}
	if _, err := s.dialTLS(s.authority, nil); err == nil {
		t.Error("without the authority's file everybody gets in")
	}
	s.replace(s.authority, "third")
	if server, err := s.dialTLS(s.authority, s.authority); err != nil || server != "third" {
		t.Errorf("after the whole renewal: %q %v", server, err)
	}
}

// trusting is a connection with a certificate of the authority.
func (a *authority) trusting(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	return a.dialWith(t, addr, subject{name: "game-server", units: []string{"server", "backend"}})
}

// dialAs is a connection with a certificate that names a role; empty: none.
func (a *authority) dialAs(t *testing.T, addr, role string) *grpc.ClientConn {
	t.Helper()
	to := subject{name: "process"}
	if role != "" {
		to.uris = []string{"tactus://" + role}
	}
	return a.dialWith(t, addr, to)
}

// derOf is the certificate in a PEM file.
func derOf(t *testing.T, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM block")
	}
	return block.Bytes
}

func (a *authority) dialWith(t *testing.T, addr string, to subject) *grpc.ClientConn {
	t.Helper()
	cert, key := a.issueTo(t, to)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{pair},
	})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Whichever of two matchmakers owns the queue, the other one has to get in
// there, with the certificate that it has for its own port.
func TestTLS_replicasAuthenticateEachOther(t *testing.T) {
	cluster := storetest.StartCluster(t, 1)
	a := newAuthority(t)
	var worlds []*world
	for range 2 {
		s := &secured{world: &world{t: t}, authority: a, files: filesIn(t.TempDir())}
		s.replace(a, "matchmaker")
		w, addr := shares(t, cluster, pair, func(c *matchmaker.Config) { c.InternalTLSFiles = s.files })
		w.conn = a.trusting(t, addr)
		w.client = matchmakerv1.NewMatchmakerServiceClient(w.conn)
		w.server("s1", nil)
		worlds = append(worlds, w)
	}
	ann := worlds[0].search(&matchmakerv1.CreateTicketRequest{Queue: "pair"})
	bob := worlds[1].search(&matchmakerv1.CreateTicketRequest{Queue: "pair"})
	if x, y := ann.assigned(), bob.assigned(); x.GetMatchId() != y.GetMatchId() {
		t.Errorf("two matches: %v and %v", x, y)
	}
}

func TestTLS_rejectsUnusableFiles(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t)
	cert, key := a.issue(t, "matchmaker")
	_, otherKey := a.issue(t, "another")
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := matchmaker.TLSFiles{CA: file("ca.pem", a.pem()), Cert: file("cert.pem", cert), Key: file("key.pem", key)}
	for name, tt := range map[string]struct {
		change func(*matchmaker.TLSFiles)
		says   string
	}{
		"an authority alone": {func(f *matchmaker.TLSFiles) { f.Cert, f.Key = "", "" }, "needs a certificate"},
		"no key":             {func(f *matchmaker.TLSFiles) { f.Key = "" }, "its key"},
		"no such file":       {func(f *matchmaker.TLSFiles) { f.Cert = filepath.Join(dir, "none.pem") }, "none.pem"},
		"another's key":      {func(f *matchmaker.TLSFiles) { f.Key = file("other.pem", otherKey) }, "other.pem"},
		"no authority in it": {func(f *matchmaker.TLSFiles) { f.CA = file("empty.pem", nil) }, "empty.pem"},
	} {
		files := good
		tt.change(&files)
		if err := files.Validate(); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, files := range []matchmaker.TLSFiles{good, {}} {
		if err := files.Validate(); err != nil {
			t.Errorf("%+v: %v", files, err)
		}
	}
	if (matchmaker.Config{InternalTLSFiles: good, InternalTLS: new(tls.Config)}).Validate() == nil {
		t.Error("files beside a configuration were accepted")
	}
}
