package tactuscmd

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"tactus/internal/health"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func probe(t *testing.T, method, url string) (int, health.Report) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var report health.Report
	if method == http.MethodGet {
		if err := json.NewDecoder(resp.Body).Decode(&report); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	return resp.StatusCode, report
}

// dev answers for matchmaker and game server together, on both ports, and needs
// no admin token for it. A drain takes nobody's address away.
func TestDev_probes(t *testing.T) {
	p := startDev(t, func(c *devConfig) { c.admin.token = "secret" })
	public, admin := "http://"+p.public.Addr().String(), "http://"+p.admin.Addr().String()
	assign(t, p, &matchmakerv1.CreateTicketRequest{}) // the server is registered
	for _, base := range []string{public, admin} {
		for path, conditions := range map[string]int{"/livez": 2, "/healthz": 2, "/readyz": 4, "/playable": 5} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				code, report := probe(t, method, base+path)
				if code != http.StatusOK || method == http.MethodGet && (!report.OK || len(report.Conditions) != conditions) {
					t.Errorf("%s %s: %d %+v", method, path, code, report)
				}
			}
		}
	}
	if code, _ := probe(t, http.MethodHead, admin+"/metrics"); code != http.StatusUnauthorized {
		t.Errorf("/metrics without a token: %d", code)
	}
	p.server.Drain(time.Minute)
	for playable := true; playable; {
		code, _ := probe(t, http.MethodHead, public+"/playable")
		playable = code == http.StatusOK
	}
	if code, report := probe(t, http.MethodGet, public+"/readyz"); code != http.StatusOK {
		t.Errorf("draining: not ready: %+v", report)
	}
}
