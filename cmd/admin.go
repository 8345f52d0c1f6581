package tactuscmd

import (
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/http/pprof"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"tactus/cmd/internal/config"
	"tactus/internal/health"
	"tactus/matchmaker"
	"tactus/server"
)

//go:embed dashboard.html
var dashboardSource string

var dashboard = template.Must(template.New("dashboard").Funcs(template.FuncMap{
	"percent": func(share float64) float64 { return 100 * share },
	"short":   func(d time.Duration) string { return d.Round(10 * time.Microsecond).String() },
}).Parse(dashboardSource))

// adminFlags are the flags of the admin port.
type adminFlags struct{ listen, token string }

func (f *adminFlags) add(c *cobra.Command, def string) {
	c.Flags().StringVar(&f.listen, "admin", def, "admin port: dashboard, metrics, pprof, probes")
	c.Flags().StringVar(&f.token, "admin-token", "", "token that the admin port requires; needed unless it is on loopback")
	config.Secret(c.Flags(), "admin-token")
}

// open opens the admin port. Without a token it must be on a loopback address.
func (f *adminFlags) open() (net.Listener, error) {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return nil, fmt.Errorf("--admin %s: want host:port", f.listen)
	}
	ip := net.ParseIP(host)
	if f.token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--admin %s is not a loopback address; set --admin-token", f.listen)
	}
	return listen("admin", f.listen)
}

// newRegistry makes a registry with the metrics of the Go runtime and the process.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// adminParts are what the admin port shows. matches is nil in a process without a game
// server, matchmaker in one without a matchmaker.
type adminParts struct {
	reg        *prometheus.Registry
	probes     health.Probes
	matches    func() []server.MatchStatus
	matchmaker *matchmaker.Matchmaker
}

// handler serves the admin port.
func (f *adminFlags) handler(p adminParts) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
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
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = dashboard.Execute(w, newOverview(p))
	})
	// Pages of other sites must not change anything through an operator's browser.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	if f.token != "" {
		guarded = requireToken(f.token, guarded)
	}
	// Probes need no token: orchestrators have none, and the public port answers them, too.
	front := http.NewServeMux()
	p.probes.Register(front)
	front.Handle("/", guarded)
	return front
}

// reloadRules reloads the rules. It answers with every mistake in their files.
func (p *adminParts) reloadRules(w http.ResponseWriter, _ *http.Request) {
	if err := p.matchmaker.ReloadRules(); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintln(w, "ok")
}

// requireToken accepts the token as a bearer token or as the password of basic
// authentication, for which browsers have a dialog.
func requireToken(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, password, ok := r.BasicAuth(); ok {
			given = password
		}
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="tactus admin"`)
			http.Error(w, "the admin token is missing or wrong", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func sorted(matches func() []server.MatchStatus) []server.MatchStatus {
	list := []server.MatchStatus{}
	if matches != nil {
		list = append(list, matches()...)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Started.Before(list[j].Started) })
	return list
}

// overview is the data of the dashboard.
type overview struct {
	Now        string
	Figures    []figure
	Hosts      bool // matches
	Matches    []matchRow
	Matchmaker *matchmaker.Overview
}

type figure struct {
	Name  string
	Value float64
}

type matchRow struct {
	server.MatchStatus
	Age string
}

func newOverview(p adminParts) overview {
	o := overview{Now: time.Now().Format(time.TimeOnly), Hosts: p.matches != nil}
	if p.matchmaker != nil {
		seen := p.matchmaker.Overview()
		o.Matchmaker = &seen
	}
	for _, m := range sorted(p.matches) {
		o.Matches = append(o.Matches, matchRow{m, time.Since(m.Started).Round(time.Second).String()})
	}
	families, err := p.reg.Gather()
	if err != nil {
		return o
	}
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), "tactus_")
		if !ours || len(f.GetMetric()) != 1 {
			continue
		}
		m := f.GetMetric()[0]
		switch {
		case m.GetCounter() != nil:
			o.Figures = append(o.Figures, figure{name, m.GetCounter().GetValue()})
		case m.GetGauge() != nil:
			o.Figures = append(o.Figures, figure{name, m.GetGauge().GetValue()})
		}
	}
	return o
}
