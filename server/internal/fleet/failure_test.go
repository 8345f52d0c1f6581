package fleet

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/certificate"
)

// attempts runs a client until it has tried a few times, and returns its log.
func attempts(t *testing.T, cfg Config) *observer.ObservedLogs {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	tries := make(chan struct{}, 1000)
	cfg.now = func() time.Time { // each attempt asks for the time
		select {
		case tries <- struct{}{}:
		default:
		}
		return time.Now()
	}
	_, stop := startClient(t, cfg, newHost(), zap.New(core))
	for range 12 {
		await(t, "an attempt", tries)
	}
	stop()
	return logs
}

// Each way in which an address is no matchmaker is one line that says so,
// however often it is tried.
func TestLink_logsEachFailureOnce(t *testing.T) {
	public := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(public.Close)
	h2c := httptest.NewUnstartedServer(http.NotFoundHandler())
	h2c.Config.Protocols = new(http.Protocols)
	h2c.Config.Protocols.SetHTTP1(true)
	h2c.Config.Protocols.SetUnencryptedHTTP2(true)
	h2c.Start()
	t.Cleanup(h2c.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	listener := mustListen(t)
	startMatchmaker(t, listener)
	ca := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: newAuthority(t).cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg         Config
		event, hint string
	}{
		"away":               {Config{Addrs: []string{gone.Addr().String()}}, "matchmaker is away", ""},
		"no such name":       {Config{Addrs: []string{"no-such-host.invalid:8090"}}, "address does not resolve", "DNS"},
		"the public port":    {Config{Addrs: []string{h2c.Listener.Addr().String()}}, "not the internal port of a matchmaker", "not the public one"},
		"TLS, asked plainly": {Config{Addrs: []string{secure.Listener.Addr().String()}}, "does not speak plain gRPC", "--matchmaker-ca"},
		"plain, asked by TLS": {
			Config{Addrs: []string{listener.Addr().String()}, TLS: certificate.Files{CA: ca}}, "TLS to the matchmaker fails", "plain text",
		},
		"of another authority": {Config{Addrs: []string{secure.Listener.Addr().String()}, TLS: certificate.Files{CA: ca}}, "TLS to the matchmaker fails", "--internal-tls"},
	} {
		t.Run(name, func(t *testing.T) {
			logs := attempts(t, c.cfg).All()
			if len(logs) != 1 || !strings.Contains(logs[0].Message, c.event) {
				t.Fatalf("logs %v", logs)
			}
			hint, _ := logs[0].ContextMap()["hint"].(string)
			if !strings.Contains(hint, c.hint) || logs[0].ContextMap()["addr"] != c.cfg.Addrs[0] {
				t.Errorf("fields %v", logs[0].ContextMap())
			}
		})
	}
	for err, event := range map[error]string{
		status.Error(codes.FailedPrecondition, "players speak tactus.v2 here"): "matchmaker refuses this server",
		io.EOF: "matchmaker is away",
	} {
		if got := failureOf(err); !strings.Contains(got.event, event) {
			t.Errorf("%v is %q", err, got.event)
		}
	}
}

func mustListen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestClient_logsAbsenceEveryHour(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	var elapsed atomic.Int64
	began := time.Now()
	c := New(Config{Addrs: []string{addrA}, now: func() time.Time { return began.Add(time.Duration(elapsed.Load())) }}, newHost(), zap.New(core))
	for minutes := range 150 {
		elapsed.Store(int64(time.Duration(minutes) * time.Minute))
		c.logAbsence(context.DeadlineExceeded)
	}
	if all := logs.All(); len(all) != 2 || !strings.Contains(all[0].Message, "no matchmaker for an hour") || all[1].ContextMap()["for"] != 2*time.Hour {
		t.Errorf("logs %v", all)
	}
	s := &registration{}
	c.add(s)
	elapsed.Store(int64(5 * time.Hour))
	c.logAbsence(context.DeadlineExceeded) // of another link
	c.remove(s)
	c.logAbsence(context.DeadlineExceeded)
	if logs.Len() != 2 {
		t.Errorf("logs %v", logs.All())
	}
}
