package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"tactus/internal/certificate"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var der []byte
	der, a.key = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) issue(c *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

func (a *authority) pair() tls.Certificate {
	return a.pairFor(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
}

func (a *authority) pairFor(uses ...x509.ExtKeyUsage) tls.Certificate {
	der, key := a.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: uses,
	})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// write makes the files new: the authority's certificate and a pair of its.
func (a *authority) write(f certificate.Files) { a.writePair(f, a.pair()) }

func (a *authority) writePair(f certificate.Files, pair tls.Certificate) {
	a.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		f.CA:   {Type: "CERTIFICATE", Bytes: a.cert.Raw},
		f.Cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		f.Key:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

func tempFiles(t *testing.T) certificate.Files {
	t.Helper()
	dir := t.TempDir()
	return certificate.Files{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

// secureMatchmaker listens on loopback and shows and demands certificates of
// the authority that trusts names at the moment.
func secureMatchmaker(t *testing.T, trusts func() *authority) (m *fakeMatchmaker, conns <-chan net.Conn, addr string) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		a := trusts()
		return &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
			Certificates: []tls.Certificate{a.pair()}, ClientCAs: a.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
		}, nil
	}}
	listener := &noting{Listener: tcp, conns: make(chan net.Conn, 100)}
	m = &fakeMatchmaker{id: "mm-1", streams: make(chan *fakeStream), server: grpc.NewServer(grpc.Creds(credentials.NewTLS(cfg)))}
	fleetv1.RegisterFleetServiceServer(m.server, m)
	m.serve(t, listener)
	return m, listener.conns, tcp.Addr().String()
}

// noting is a listener that hands its connections to the test too.
type noting struct {
	net.Listener
	conns chan net.Conn
}

func (n *noting) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		n.conns <- c
	}
	return c, err
}

func TestCredentials_mutualTLS(t *testing.T) {
	ours, strangers := newAuthority(t), newAuthority(t)
	good, uncertified, foreign := tempFiles(t), tempFiles(t), tempFiles(t)
	ours.write(good)
	ours.write(uncertified)
	uncertified.Cert, uncertified.Key = "", ""
	strangers.write(foreign)
	foreign.CA = good.CA
	m, _, addr := secureMatchmaker(t, func() *authority { return ours })
	for name, files := range map[string]certificate.Files{"no certificate": uncertified, "another authority's": foreign, "plain text": {}} {
		refused := make(chan string, 10)
		core, _ := observer.New(zap.WarnLevel)
		log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error { refused <- e.Message; return nil }))
		_, stop := startClient(t, Config{Addrs: []string{addr}, TLS: files}, newHost(), log)
		why := await(t, "the refusal", refused)
		for strings.Contains(why, "away") { // the connection was reset before the alert was read; a later attempt reads it
			why = await(t, "the refusal", refused)
		}
		if !strings.Contains(why, "trying again") {
			t.Errorf("%s: %s", name, why)
		}
		stop()
	}
	client, _ := startClient(t, Config{Addrs: []string{addr}, TLS: good}, newHost(), nil)
	l := m.accept(t)
	l.ask("r1")
	l.result(t)
	if client.Connected() != 1 {
		t.Error("not connected")
	}
}

func TestCredentials_renewedCertificatesAreUsed(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	files := tempFiles(t)
	old.write(files)
	// The client's second connection finds a matchmaker that trusts the new
	// authority only.
	trustedKeys := make(chan *authority, 1)
	trustedKeys <- old
	m, conns, addr := secureMatchmaker(t, func() *authority {
		a := <-trustedKeys
		trustedKeys <- a
		return a
	})
	startClient(t, Config{Addrs: []string{addr}, TLS: files}, newHost(), nil)
	m.accept(t)
	renewed.write(files)
	<-trustedKeys
	trustedKeys <- renewed
	_ = (<-conns).Close()
	m.accept(t).ask("r1")
}

func TestCredentials_halfWrittenFilesAreNotUsed(t *testing.T) {
	files := tempFiles(t)
	a := newAuthority(t)
	a.write(files)
	creds, err := newCredentials(files, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	r := creds.(reloading)
	before := r.Config().Certificates[0].Certificate[0]
	if err := os.WriteFile(files.Cert, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.Config().Certificates[0].Certificate[0]; string(got) != string(before) {
		t.Error("half a certificate was used")
	}
	if _, err := files.Load(); err == nil {
		t.Error("half a certificate is valid at start")
	}
	a.write(files)
	if got := r.Config().Certificates[0].Certificate[0]; string(got) == string(before) {
		t.Error("the new certificate was not used")
	}
}

func TestCredentials_warnsOnceOfMissingClientUse(t *testing.T) {
	files, a := tempFiles(t), newAuthority(t)
	a.writePair(files, a.pairFor(x509.ExtKeyUsageServerAuth))
	core, logs := observer.New(zap.WarnLevel)
	creds, err := newCredentials(files, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	r := creds.(reloading)
	r.Config()
	if n := logs.FilterMessageSnippet("lacks client use").Len(); n != 1 {
		t.Errorf("%d warnings of one certificate", n)
	}
	a.writePair(files, a.pairFor(x509.ExtKeyUsageServerAuth))
	r.Config()
	if n := logs.FilterMessageSnippet("lacks client use").Len(); n != 2 {
		t.Errorf("%d warnings of two certificates", n)
	}
	a.write(files)
	r.Config()
	if n := logs.Len(); n != 2 {
		t.Errorf("a good certificate is warned of: %v", logs.All())
	}
}
