package tactuscmd

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tactus/internal/certificate/certtest"
	"tactus/matchmaker"
)

// askAdmin sends a request to an admin port with a token, none if it is empty.
func askAdmin(t *testing.T, c *http.Client, method, url, token, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res, string(text)
}

func TestAdmin_rolesOverTLSAndAuditLog(t *testing.T) {
	a := certtest.NewAuthority(t)
	pair := a.Issue("admin", "127.0.0.1")
	data := t.TempDir()
	p := startDev(t, func(c *devConfig) {
		c.data = data
		c.admin.token, c.admin.readToken = "alice operators-token", "readers-token"
		c.admin.certs, c.admin.keys = []string{pair.Cert}, []string{pair.Key}
	})
	base := "https://" + p.admin.Addr().String()
	if p.dashboard != base+"/" {
		t.Errorf("the log names %s", p.dashboard)
	}
	<-p.matchmaker.Ready()
	c := https(t, a)
	ban := matchmaker.AdminPath + "CreateBan"
	for _, call := range []struct {
		method, path, token, body string
		code                      int
	}{
		{"GET", "/", "", "", 401},
		{"GET", "/", "readers-token", "", 200},
		{"GET", "/metrics", "", "", 401},
		{"GET", "/livez", "", "", 200},
		{"POST", matchmaker.AdminPath + "ListBans", "readers-token", "{}", 200},
		{"POST", ban, "readers-token", `{"playerId":"g-1"}`, 403},
		{"POST", matchmaker.AdminPath + "ExportPlayer", "readers-token", `{"playerId":"g-1"}`, 403},
		{"POST", "/api/rules/reload", "readers-token", "", 403},
		{"POST", ban, "operators-token", `{"playerId":"g-1","reason":"spam"}`, 200},
		{"GET", "/debug/pprof/cmdline", "operators-token", "", 404},
	} {
		if res, text := askAdmin(t, c, call.method, base+call.path, call.token, call.body); res.StatusCode != call.code {
			t.Errorf("%s %s with %q: %d %s, want %d", call.method, call.path, call.token, res.StatusCode, text, call.code)
		}
	}
	files, _ := filepath.Glob(filepath.Join(data, "audit", "*.jsonl"))
	if len(files) != 1 {
		t.Fatalf("files of the audit log: %q", files)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []map[string]string
	for s := bufio.NewScanner(f); s.Scan(); {
		var line map[string]string
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if len(lines) != 1 || lines[0]["who"] != "alice" || lines[0]["action"] != "CreateBan" || lines[0]["target"] != "g-1" ||
		lines[0]["reason"] != "spam" || lines[0]["outcome"] != "ok" || !strings.HasPrefix(lines[0]["from"], "127.0.0.1:") {
		t.Errorf("audit log %v", lines)
	}
}

func TestAdmin_withoutToken(t *testing.T) {
	p := startDev(t, func(c *devConfig) { c.admin.profiles = true })
	base := "http://" + p.admin.Addr().String()
	res, page := askAdmin(t, http.DefaultClient, http.MethodGet, base+"/", "", "")
	if res.StatusCode != 200 || !strings.Contains(page, `id="moderation"`) || !strings.Contains(page, `id="bans"`) ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("page: %d %v", res.StatusCode, res.Header)
	}
	if res, _ := askAdmin(t, http.DefaultClient, http.MethodGet, base+"/debug/pprof/cmdline", "", ""); res.StatusCode != 200 {
		t.Errorf("profiles that were asked for: %d", res.StatusCode)
	}
	r, _ := http.NewRequest(http.MethodGet, base+"/", nil)
	r.Host = "rebound.example"
	if res, err := http.DefaultClient.Do(r); err != nil || res.StatusCode != 403 {
		t.Errorf("by another name: %v %v", res, err)
	} else {
		_ = res.Body.Close()
	}
	r, _ = http.NewRequest(http.MethodPost, base+matchmaker.AdminPath+"SendNotice", strings.NewReader(`{"text":"x"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res, err := http.DefaultClient.Do(r); err != nil || res.StatusCode != 403 {
		t.Errorf("from another page: %v %v", res, err)
	} else {
		_ = res.Body.Close()
	}
}

func TestAdminFlags_mistakes(t *testing.T) {
	for want, args := range map[string][]string{
		"--admin-token:":          {"--admin-token", "a b c"},
		"needs --admin-token":     {"--admin-read-token", "readers"},
		"--audit-keep 1h0m0s":     {"--audit-keep", "1h"},
		"--admin-tls-cert":        {"--admin-tls-cert", "cert.pem"},
		"is not a loopback addre": {"--admin", "192.0.2.1:0"},
	} {
		var f adminFlags
		c := &cobra.Command{}
		f.add(c, "127.0.0.1:0")
		if err := c.Flags().Parse(args); err != nil {
			t.Fatal(err)
		}
		if ln, err := f.open(zap.NewNop()); err == nil || !strings.Contains(err.Error(), want) {
			if ln != nil {
				_ = ln.Close()
			}
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
