// Package httplog writes what net/http's server has to say to the process's
// log: one event name, with the text as a field, and not more than the log can
// take while many connections fail.
package httplog

import (
	"bytes"
	"log" //nolint:depguard // an http.Server takes no other
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"
)

const (
	perSecond = 1
	burst     = 10
)

// New makes the ErrorLog of an [net/http.Server]. port says which one it is.
func New(to *zap.Logger, port string) *log.Logger {
	return log.New(&writer{log: to.With(zap.String("port", port)), limit: rate.NewLimiter(perSecond, burst)}, "", 0)
}

type writer struct {
	log     *zap.Logger
	limit   *rate.Limiter
	dropped atomic.Int64 // lines since the last one that was written
}

// Write takes one line. A client that does not speak TLS, or goes away in
// between, is nothing to look at; a handler that panics is.
func (w *writer) Write(line []byte) (int, error) {
	level := zapcore.WarnLevel
	switch {
	case bytes.HasPrefix(line, []byte("http: TLS handshake error")), bytes.HasPrefix(line, []byte("http: URL query contains semicolon")):
		level = zapcore.DebugLevel
	case bytes.HasPrefix(line, []byte("http: panic serving")):
		level = zapcore.ErrorLevel
	}
	entry := w.log.Check(level, "http server")
	if entry == nil {
		return len(line), nil
	}
	if level < zapcore.ErrorLevel && !w.limit.Allow() {
		w.dropped.Add(1)
		return len(line), nil
	}
	fields := []zap.Field{zap.ByteString("error", bytes.TrimSpace(line))}
	if dropped := w.dropped.Swap(0); dropped > 0 {
		fields = append(fields, zap.Int64("not_logged_before", dropped))
	}
	entry.Write(fields...)
	return len(line), nil
}
