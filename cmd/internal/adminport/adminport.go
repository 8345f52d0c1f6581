// Package adminport guards an admin port: who may call it, and what they may do.
//
// A caller shows a token, as a bearer token or as the password of basic authentication.
// A port without tokens is on a loopback address, and answers to names of this machine
// only: a page of another site must not reach it by a name of its own.
package adminport

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/internal/audit"
)

// Role is what a caller may do.
type Role int

// Roles of callers.
const (
	Read    Role = iota // look at everything
	Operate             // change things, too
)

const (
	minToken = 8
	maxNames = 64
)

// Token is a caller's token.
type Token struct {
	Name string // in the audit log
	Role Role
	sum  [sha256.Size]byte
}

// ParseTokens reads the tokens of a role: one per line, with a name before it or
// without.
func ParseTokens(text string, role Role) (tokens []Token, err error) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		name, secret := "operator", words[0]
		if role == Read {
			name = "reader"
		}
		if len(words) == 2 {
			name, secret = words[0], words[1]
		}
		switch {
		case len(words) > 2:
			return nil, errors.New("a line has more than a name and a token")
		case len(words) == 2 && len(secret) < minToken:
			return nil, fmt.Errorf("the token of %s has %d characters, at least %d", name, len(secret), minToken)
		}
		tokens = append(tokens, Token{Name: name, Role: role, sum: sha256.Sum256([]byte(secret))})
	}
	if len(tokens) > maxNames {
		return nil, fmt.Errorf("%d tokens, at most %d", len(tokens), maxNames)
	}
	return tokens, nil
}

// Config configures a [Guard].
type Config struct {
	Tokens []Token // none: every caller on a name of this machine may operate
	Listen string  // host:port of the port
	// OperateOnly reports whether a request needs the role to operate.
	OperateOnly func(r *http.Request) bool
	// AnyHost reports whether a request is answered under any name.
	AnyHost func(r *http.Request) bool
	Log     *zap.Logger
}

// Metrics counts refused requests.
type Metrics struct{ denied *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tactus_admin_denied_total", Help: "Requests that the admin port has refused.",
	}, []string{"reason"})}
	return m, r.Register(m.denied)
}

// Guard lets callers of an admin port pass. It is safe for concurrent use.
type Guard struct {
	cfg     Config
	metrics *Metrics
	lockout *lockout
	next    http.Handler
}

// NewGuard makes a guard in front of a handler.
func NewGuard(cfg Config, m *Metrics, next http.Handler) *Guard {
	return &Guard{cfg: cfg, metrics: m, lockout: newLockout(), next: next}
}

// ServeHTTP implements [http.Handler]. A right token passes always: whoever guesses
// tokens must not lock out an operator behind the same address.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(g.cfg.Tokens) == 0 {
		if !g.cfg.AnyHost(r) && !g.ownHost(r.Host) {
			g.deny(w, "host", http.StatusForbidden, "this admin port has no token and answers to localhost only; open it there, or set --admin-token")
			return
		}
		g.pass(w, r, audit.Actor{Who: "local", From: r.RemoteAddr})
		return
	}
	given, user, ok := credentials(r)
	token, known := g.find(given)
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", `Basic realm="tactus admin"`)
		g.deny(w, "no_token", http.StatusUnauthorized, "the admin token is missing")
	case !known:
		g.wrong(w, r)
	case token.Role < Operate && g.cfg.OperateOnly(r):
		g.deny(w, "role", http.StatusForbidden, "this token may read, not operate")
	default:
		actor := audit.Actor{Who: token.Name, From: r.RemoteAddr}
		if user != "" && user != token.Name {
			actor.Who += " (" + user + ")"
		}
		g.pass(w, r, actor)
	}
}

func (g *Guard) pass(w http.ResponseWriter, r *http.Request, actor audit.Actor) {
	g.next.ServeHTTP(w, r.WithContext(audit.WithActor(r.Context(), actor)))
}

// wrong answers a wrong token, and logs it.
func (g *Guard) wrong(w http.ResponseWriter, r *http.Request) {
	locked, first := g.lockout.wrong(r.RemoteAddr)
	if !locked {
		g.cfg.Log.Warn("admin token wrong", zap.String("remote", r.RemoteAddr), zap.String("path", r.URL.Path))
		w.Header().Set("WWW-Authenticate", `Basic realm="tactus admin"`)
		g.deny(w, "wrong_token", http.StatusUnauthorized, "the admin token is wrong")
		return
	}
	if first {
		g.cfg.Log.Error("admin tokens are being guessed", zap.String("remote", r.RemoteAddr), zap.Int("wrong", maxWrong))
	}
	w.Header().Set("Retry-After", "60")
	g.deny(w, "locked_out", http.StatusTooManyRequests, "too many wrong admin tokens from this address; wait a minute")
}

func (g *Guard) deny(w http.ResponseWriter, reason string, code int, sentence string) {
	g.metrics.denied.WithLabelValues(reason).Inc()
	http.Error(w, sentence, code)
}

// credentials returns the token of a request, and the name that basic authentication
// gave with it.
func credentials(r *http.Request) (token, user string, ok bool) {
	if user, password, ok := r.BasicAuth(); ok {
		return password, user, true
	}
	token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token, "", ok
}

// find compares with all tokens, so that the time says nothing.
func (g *Guard) find(given string) (found Token, ok bool) {
	sum := sha256.Sum256([]byte(given))
	for _, t := range g.cfg.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 && (!ok || t.Role > found.Role) {
			found, ok = t, true
		}
	}
	return found, ok
}

// ownHost reports whether a request's Host is a name of this machine.
func (g *Guard) ownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if listen, _, err := net.SplitHostPort(g.cfg.Listen); err == nil && listen != "" && host == strings.ToLower(listen) {
		return true
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
