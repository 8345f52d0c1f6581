package httplog

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestWriter_levelsByLine(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	to := New(zap.New(core), "public")
	for line, level := range map[string]zapcore.Level{
		"http: TLS handshake error from 127.0.0.1:1: EOF":           zap.DebugLevel,
		"http: panic serving 127.0.0.1:1: boom\ngoroutine 1":        zap.ErrorLevel,
		"http: Accept error: too many open files; retrying in 10ms": zap.WarnLevel,
	} {
		to.Print(line)
		last := logs.TakeAll()[0]
		if last.Message != "http server" || last.Level != level || last.ContextMap()["error"] != line || last.ContextMap()["port"] != "public" {
			t.Errorf("%q is logged as %+v", line, last)
		}
	}
}

func TestWriter_limitsRate(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	w := New(zap.New(core), "public").Writer().(*writer)
	for range 1000 {
		_, _ = w.Write([]byte("http: Accept error\n"))
	}
	if n := logs.Len(); n < burst || n > 2*burst {
		t.Errorf("%d of 1000 lines were logged", n)
	}
	w.limit.SetBurst(10_000)
	w.limit.SetLimit(1e9)
	for w.dropped.Load() > 0 {
		_, _ = w.Write([]byte("http: Accept error\n"))
	}
	if skipped, ok := logs.All()[logs.Len()-1].ContextMap()["not_logged_before"].(int64); !ok || skipped < 900 {
		t.Errorf("what was not logged is not told: %+v", logs.All()[logs.Len()-1])
	}
}

// A handler's panic reaches the log of the process.
func TestWriter_logsPanics(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		Handler:  http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }),
		ErrorLog: New(zap.New(core), "public"), ReadHeaderTimeout: time.Second,
	}
	go func() { _ = s.Serve(ln) }()
	defer func() { _ = s.Close() }()
	if res, err := http.Get("http://" + ln.Addr().String()); err == nil {
		_ = res.Body.Close()
	}
	if all := logs.FilterLevelExact(zap.ErrorLevel).All(); len(all) != 1 || !strings.Contains(all[0].ContextMap()["error"].(string), "boom") {
		t.Errorf("logs %v", logs.All())
	}
}
