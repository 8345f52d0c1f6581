package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// link keeps a stream to the matchmaker at one address.
type link struct {
	client   *Client
	addr     string
	conn     *grpc.ClientConn
	stop     context.CancelFunc
	unwanted time.Time // since when no matchmaker lists it; owned by links

	matchmakerID string // of the last registration
	failures     uint
	loggedEvent  string // of the last logged failure; empty: registered since
	loggedAt     time.Time
}

// run connects until ctx ends.
func (l *link) run(ctx context.Context) {
	for ctx.Err() == nil {
		if duplicate := l.client.duplicateOf(l.matchmakerID, l); duplicate != nil {
			l.yield(ctx, duplicate)
			continue
		}
		began := time.Now()
		welcome, err := l.client.runRegistration(ctx, l)
		if ctx.Err() != nil {
			return
		}
		l.logFailure(err, welcome)
		l.client.logAbsence(err)
		if welcome && time.Since(began) > l.client.cfg.BackoffMax {
			l.failures = 0
		}
		if !sleep(ctx, l.waitAfter(err)) {
			return
		}
		l.failures++
		if l.conn.GetState() == connectivity.TransientFailure {
			l.conn.ResetConnectBackoff() // the waits here are the only ones
		}
	}
}

// waitAfter returns the wait after a failed attempt.
func (l *link) waitAfter(err error) time.Duration {
	if l.client.noteIDInUse(l, err) {
		return idInUseRetry
	}
	return l.client.backoff(l.failures)
}

// yield waits while another link is registered with the same matchmaker. A
// matchmaker keeps one stream per server: a newer one would end the older one.
func (l *link) yield(ctx context.Context, duplicate *registration) {
	l.client.log.Info("the same matchmaker is reached by another address", zap.String("addr", l.addr), zap.String("other", duplicate.link.addr))
	l.loggedEvent = ""
	select {
	case <-duplicate.done:
	case <-ctx.Done():
	}
}

// backoff doubles from BackoffMin to BackoffMax; each wait is drawn from the
// upper half, so that a fleet does not come back all at once.
func (c *Client) backoff(failures uint) time.Duration {
	d := c.cfg.BackoffMax
	if failures < 16 {
		d = min(d, c.cfg.BackoffMin<<failures)
	}
	return d/2 + rand.N(d/2+1)
}

func errorText(err error) string {
	if err == nil {
		return "the stream was closed"
	}
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

// sleep waits for d and reports whether it did so before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var errNoRegistered = errors.New("the matchmaker's first message was not Registered")
