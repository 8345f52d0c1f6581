package tactuscmd

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tactus/cmd/internal/adminport"
	"tactus/cmd/internal/config"
	"tactus/internal/audit"
	"tactus/internal/certificate"
	"tactus/internal/health"
	"tactus/matchmaker"
	"tactus/server"
)

// adminFlags are the flags of the admin port.
type adminFlags struct {
	listen, token, readToken string
	certs, keys              []string
	profiles                 bool
	auditKeep                time.Duration
}

func (f *adminFlags) add(c *cobra.Command, def string) {
	fl := c.Flags()
	fl.StringVar(&f.listen, "admin", def, "admin port: dashboard, moderation, metrics, probes")
	fl.StringVar(&f.token, "admin-token", "", "token of operators for the admin port, or several: a line with name and token for each; needed unless the port is on loopback")
	config.Secret(fl, "admin-token")
	fl.StringVar(&f.readToken, "admin-read-token", "", "token that may look at the admin port and change nothing, or several like --admin-token")
	config.Secret(fl, "admin-read-token")
	fl.StringArrayVar(&f.certs, "admin-tls-cert", nil, "PEM file with a certificate of the admin port and its chain; turns on TLS; reloaded when it changes")
	fl.StringArrayVar(&f.keys, "admin-tls-key", nil, "PEM file with the key of --admin-tls-cert")
	fl.BoolVar(&f.profiles, "admin-pprof", false, "serve profiles of the process under /debug/pprof/ of the admin port, to operators")
	fl.DurationVar(&f.auditKeep, "audit-keep", audit.DefaultKeep, "how long the audit log of operators' actions is kept, at least 24h")
}

// validate returns what is wrong with the flags. Without a token the port must be on a
// loopback address.
func (f *adminFlags) validate() error {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return fmt.Errorf("--admin %s: want host:port", f.listen)
	}
	ip := net.ParseIP(host)
	tokens, err := f.tokens()
	switch {
	case err != nil:
		return err
	case len(tokens) == 0 && host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return fmt.Errorf("--admin %s is not a loopback address; set --admin-token", f.listen)
	case f.auditKeep != 0 && f.auditKeep < 24*time.Hour:
		return fmt.Errorf("--audit-keep %s: at least 24h", f.auditKeep)
	}
	return nil
}

// open opens the admin port.
func (f *adminFlags) open(log *zap.Logger) (net.Listener, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	secure, err := f.tls(log)
	if err != nil {
		return nil, err
	}
	ln, err := listen("admin", f.listen)
	if err != nil || secure == nil {
		return ln, err
	}
	return tls.NewListener(ln, secure), nil
}

// tokens are those of operators and of readers.
func (f *adminFlags) tokens() ([]adminport.Token, error) {
	tokens, err := adminport.ParseTokens(f.token, adminport.Operate)
	if err != nil {
		return nil, fmt.Errorf("--admin-token: %w", err)
	}
	readers, err := adminport.ParseTokens(f.readToken, adminport.Read)
	if err != nil {
		return nil, fmt.Errorf("--admin-read-token: %w", err)
	}
	if len(readers) > 0 && len(tokens) == 0 {
		return nil, fmt.Errorf("--admin-read-token needs --admin-token, else no caller may operate")
	}
	return append(tokens, readers...), nil
}

// tls is the configuration of the port, nil for plain text.
func (f *adminFlags) tls(log *zap.Logger) (*tls.Config, error) {
	pairs, err := certificate.NewPairs(f.certs, f.keys)
	if err != nil || len(pairs) == 0 {
		if err != nil {
			err = fmt.Errorf("--admin-tls-cert, --admin-tls-key: %w", err)
		}
		return nil, err
	}
	port, err := certificate.NewPort(certificate.PortConfig{Pairs: pairs}, log)
	if err != nil {
		return nil, fmt.Errorf("TLS of the admin port: %w", err)
	}
	return port.TLSConfig(), nil
}

// dashboardURL is where operators open the page.
func (f *adminFlags) dashboardURL(addr net.Addr) string {
	return originOf(len(f.certs) > 0, addr) + "/"
}

// auditDir is the folder of the audit log.
func auditDir(data string) string { return filepath.Join(data, "audit") }

// adminParts are what the admin port shows. matches is nil in a process without a game
// server, matchmaker in one without a matchmaker.
type adminParts struct {
	reg        *prometheus.Registry
	probes     health.Probes
	matches    func() []server.MatchStatus
	matchmaker *matchmaker.Matchmaker
	moderation http.Handler // of admin.v1, under matchmaker.AdminPath; nil: none
	audit      *audit.Log
	log        *zap.Logger
}

// handler serves the admin port.
func (f *adminFlags) handler(p adminParts) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.reg, promhttp.HandlerOpts{}))
	if f.profiles {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	mux.HandleFunc("GET /api/matches", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(sorted(p.matches))
	})
	if p.matchmaker != nil {
		mux.HandleFunc("GET /api/matchmaker", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(p.matchmaker.Overview())
		})
		mux.HandleFunc("POST /api/rules/reload", p.reloadRules)
		mux.HandleFunc("POST /api/guests/revoke", p.revokeGuest)
		mux.HandleFunc("POST /api/guests/restore", p.restoreGuest)
	}
	if p.moderation != nil {
		mux.Handle(matchmaker.AdminPath, p.moderation)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		setPageHeaders(w.Header())
		_ = dashboard.Execute(w, newOverview(p, f.profiles))
	})
	tokens, err := f.tokens()
	if err != nil {
		return nil, err
	}
	counted, err := adminport.NewMetrics(p.reg)
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	log := p.log
	if log == nil {
		log = zap.NewNop()
	}
	// Pages of other sites must not change anything through an operator's browser.
	guarded := adminport.NewGuard(adminport.Config{
		Tokens: tokens, Listen: f.listen, OperateOnly: operateOnly, AnyHost: anyHost, Log: log.Named("admin"),
	}, counted, http.NewCrossOriginProtection().Handler(mux))
	// Probes need no token: orchestrators have none, and the public port answers them, too.
	front := http.NewServeMux()
	p.probes.Register(front)
	front.Handle("/", guarded)
	return front, nil
}

// setPageHeaders lets the page run its own script and be shown in no other one.
func setPageHeaders(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'")
}

// operateOnly reports whether a request is for operators: it changes something, or
// shows what is in the memory of the process.
func operateOnly(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/debug/") {
		return true
	}
	method := path.Base(r.URL.Path)
	looks := strings.HasPrefix(r.URL.Path, matchmaker.AdminPath) && (strings.HasPrefix(method, "Get") || strings.HasPrefix(method, "List"))
	return !looks && r.Method != http.MethodGet && r.Method != http.MethodHead
}

// anyHost reports whether a request is answered under any name: Prometheus asks by
// the name of a service.
func anyHost(r *http.Request) bool { return r.URL.Path == "/metrics" }

// reloadRules reloads the rules. It answers with every mistake in their files.
func (p *adminParts) reloadRules(w http.ResponseWriter, r *http.Request) {
	err := p.matchmaker.ReloadRules()
	actor, _ := audit.ActorOf(r.Context())
	entry := audit.Entry{Who: actor.Who, From: actor.From, Action: "ReloadRules", Target: "rules", Outcome: "ok"}
	if err != nil {
		entry.Outcome = oneLine(err)
	}
	p.audit.Write(entry)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintln(w, "ok")
}
