package matchmaker_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding/gzip"

	"tactus/internal/testtime"
	"tactus/matchmaker"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store/storetest"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func TestPort_acceptsCompressedRequests(t *testing.T) {
	w := start(t, nil)
	if _, err := w.client.ListGames(w.context(), &matchmakerv1.ListGamesRequest{}, grpc.UseCompressor(gzip.Name)); err != nil {
		t.Error(err)
	}
}

// A replica that lives and can't be called, by a wrong address or certificate,
// is an error with a reason after some seconds, and one line in the log.
func TestReplicas_reportAnUnreachableOwner(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	nats := storetest.StartCluster(t, 1)
	a := sharing(t, "a", nats.URL(), duel, func(c *matchmaker.Config) { c.AdvertiseAddr = closed.Addr().String() })
	core, logs := observer.New(zap.InfoLevel)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := startLogged(t, zap.New(core), func(c *matchmaker.Config) {
		c.ID, c.InternalListener, c.RulesFiles, c.Key = "b", listener, []string{ruleFile(t, duel)}, sharedKey
		c.NATS = matchmaker.NATS{URL: nats.URL(), Replicas: 1}
	})
	both(a, b, "s1")
	a.search(rated("duel", 1500, "ann")) // a owns the queue now
	_, err = b.client.CreateTicket(b.context(), rated("duel", 1500, "bob"))
	if reason, _ := failure.ReasonOf(err); reason != failure.ReplicaUnreachable {
		t.Errorf("answered %v", err)
	}
	if n := logs.FilterMessage("matchmaker unreachable").Len(); n != 1 {
		t.Errorf("logged %d times: %v", n, logs.All())
	}
}

// serverOnly gives a matchmaker a certificate that is no client's.
func serverOnly(t *testing.T) matchmaker.TLSFiles {
	t.Helper()
	a := newAuthority(t)
	s := &secured{world: &world{t: t}, authority: a, files: filesIn(t.TempDir())}
	cert, key := a.issue(t, "mm", x509.ExtKeyUsageServerAuth)
	s.write(s.files.CA, a.pem())
	s.write(s.files.Key, key)
	s.write(s.files.Cert, cert)
	return s.files
}

func TestReplicas_needACertificateForClientUse(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	cfg := matchmaker.Config{InternalTLSFiles: serverOnly(t)}
	if _, err := matchmaker.New(cfg, zap.New(core)); err != nil {
		t.Errorf("a lone matchmaker is refused: %v", err)
	}
	if logs.FilterMessageSnippet("would be rejected by replicas").Len() != 1 {
		t.Errorf("a lone matchmaker is not warned: %v", logs.All())
	}
	cfg.NATS, cfg.AdvertiseAddr = matchmaker.NATS{URL: "nats://127.0.0.1:1"}, "mm-1:8090"
	if _, err := matchmaker.New(cfg, nil); err == nil || !strings.Contains(err.Error(), "clientAuth") {
		t.Errorf("a replica: %v", err)
	}
	cfg.InternalTLSFiles.CA = "" // TLS is not mutual: the certificate is shown to nobody
	if _, err := matchmaker.New(cfg, nil); err != nil {
		t.Errorf("without mutual TLS: %v", err)
	}
}

func TestPort_logsRejectedTLSClientsOnce(t *testing.T) {
	s := startSecured(t)
	for range 3 {
		conn, err := net.Dial("tcp", s.addr) // plain text
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 100)) // until it is refused
		_ = conn.Close()
	}
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err == nil {
		_, _ = conn.Read(make([]byte, 1)) // the alert comes after the handshake
		_ = conn.Close()
	}
	// The alert is on its way before the server knows what it will log.
	var refused []observer.LoggedEntry
	testtime.Until(t, "two clients are rejected", func() bool {
		refused = s.logs.FilterMessage("TLS client rejected").All()
		return len(refused) >= 2
	})
	if len(refused) != 2 || !strings.Contains(refused[0].ContextMap()["hint"].(string), "plain text") ||
		!strings.Contains(refused[1].ContextMap()["hint"].(string), "shows no certificate") {
		t.Errorf("logs %v", s.logs.All())
	}
}
