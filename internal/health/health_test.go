package health_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"tactus/internal/health"
)

func TestProbes_reportConditions(t *testing.T) {
	holds := map[string]bool{"store": true, "servers": true, "registered": true}
	check := func(name string) health.Check {
		return func() health.Condition {
			return health.Condition{Name: name, OK: holds[name], Reason: "because"}
		}
	}
	matchmaker := health.Probes{
		Ready: []health.Check{check("store")}, Playable: []health.Check{check("store"), check("servers")},
	}
	server := health.Probes{Ready: []health.Check{check("registered")}}
	both := matchmaker.And(server)
	for name, tt := range map[string]struct {
		probes health.Probes
		fails  string
		want   map[string]int
	}{
		"all holds":               {both, "", map[string]int{"/livez": 200, "/healthz": 200, "/readyz": 200, "/playable": 200}},
		"no store":                {both, "store", map[string]int{"/livez": 200, "/healthz": 200, "/readyz": 503, "/playable": 503}},
		"no server":               {both, "servers", map[string]int{"/livez": 200, "/readyz": 200, "/playable": 503}},
		"not registered":          {both, "registered", map[string]int{"/livez": 200, "/readyz": 503, "/playable": 503}},
		"a matchmaker alone":      {matchmaker, "servers", map[string]int{"/readyz": 200, "/playable": 503}},
		"a game server can't say": {server, "", map[string]int{"/livez": 200, "/readyz": 200, "/playable": 404}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.fails != "" {
				holds[tt.fails] = false
				defer func() { holds[tt.fails] = true }()
			}
			mux := http.NewServeMux()
			tt.probes.Register(mux)
			for path, want := range tt.want {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					w := httptest.NewRecorder()
					mux.ServeHTTP(w, httptest.NewRequest(method, path, nil))
					if w.Code != want {
						t.Errorf("%s %s: %d, want %d", method, path, w.Code, want)
					}
					if want == http.StatusNotFound {
						continue
					}
					if w.Header().Get("Cache-Control") != "no-store" {
						t.Errorf("%s %s may be cached", method, path)
					}
					var r health.Report
					if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.OK != (want == 200) || len(r.Conditions) == 0 {
						t.Errorf("%s %s: %s (%v)", method, path, w.Body, err)
					}
					for _, c := range r.Conditions {
						if c.Name == "" || c.Reason == "" || c.OK != (c.Name != tt.fails) {
							t.Errorf("%s %s: condition %+v", method, path, c)
						}
					}
				}
			}
		})
	}
}

func TestDescriptors_areLeft(t *testing.T) {
	if c := health.Descriptors(); !c.OK || c.Reason == "" {
		t.Errorf("%+v", c)
	}
}

// A full disk is reported, and does not take the process out of service.
func TestProbes_warningsDoNotDecide(t *testing.T) {
	full := func() health.Condition { return health.Condition{Name: "match_logs", Reason: "no space left"} }
	fine := func() health.Condition { return health.Condition{Name: "store", OK: true} }
	mux := http.NewServeMux()
	health.Probes{Warn: []health.Check{full}}.And(health.Probes{Warn: []health.Check{full, fine}}).Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	var r health.Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != http.StatusOK || !r.OK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(r.Warnings) != 1 || r.Warnings[0].Name != "match_logs" || r.Warnings[0].OK {
		t.Errorf("warnings %+v", r.Warnings)
	}
}
