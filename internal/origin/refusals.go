package origin

import (
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// refusalInterval is the time between two log lines. Any client can send any Origin.
const refusalInterval = time.Hour

// maxLogged is the longest part of a header in the log, in bytes.
const maxLogged = 200

// Refusals log requests of pages that may not connect: one line an hour, with the
// number of those that were not logged. It is safe for concurrent use.
type Refusals struct {
	log     *zap.Logger
	hint    string
	limit   *rate.Limiter
	dropped atomic.Int64
}

// NewRefusals makes a log. hint names the flag that would allow a page.
func NewRefusals(log *zap.Logger, hint string) *Refusals {
	return &Refusals{log: log, hint: hint, limit: rate.NewLimiter(rate.Every(refusalInterval), 1)}
}

// Log records the refusal of a request.
func (l *Refusals) Log(r *http.Request) {
	if l == nil || l.log == nil {
		return
	}
	if !l.limit.Allow() {
		l.dropped.Add(1)
		return
	}
	l.log.Warn("page refused", zap.String("origin", clip(r.Header.Get("Origin"))), zap.String("host", clip(r.Host)),
		zap.String("hint", "to allow this page: "+l.hint), zap.Int64("not_logged_before", l.dropped.Swap(0)))
}

func clip(text string) string { return text[:min(len(text), maxLogged)] }
