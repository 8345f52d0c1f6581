package tactuscmd

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"tactus/matchmaker"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// flagsOf parses arguments by the flags that add adds.
func flagsOf(t *testing.T, add func(*cobra.Command), args ...string) {
	t.Helper()
	c := &cobra.Command{Use: "test"}
	add(c)
	if err := c.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIdentityFlags_config(t *testing.T) {
	const url = "https://login.example.com/jwks.json"
	set := writeFile(t, "keys", `{"keys":[]}`)
	text := writeFile(t, "keys", "# of the login\n-----BEGIN PUBLIC KEY-----\n")
	both := []string{"--jwt-issuer", "iss", "--jwt-audience", "aud"}
	known := matchmaker.Identity{Issuer: "iss", Audience: "aud"}
	want := func(change func(*matchmaker.Identity)) matchmaker.Identity {
		i := known
		change(&i)
		return i
	}
	for name, tt := range map[string]struct {
		args []string
		want matchmaker.Identity
		says string
	}{
		"none":                  {},
		"a URL":                 {args: append(both, "--jwks", url), want: want(func(i *matchmaker.Identity) { i.JWKSURL = url })},
		"a key set":             {args: append(both, "--jwks", set), want: want(func(i *matchmaker.Identity) { i.JWKSFile = set })},
		"PEM":                   {args: append(both, "--jwks", text), want: want(func(i *matchmaker.Identity) { i.KeyFile = text })},
		"no guests":             {args: append(both, "--jwks", url, "--no-guests"), want: want(func(i *matchmaker.Identity) { i.JWKSURL, i.NoGuests = url, true })},
		"no such names":         {args: []string{"--reserved-names", "/nonexistent/names"}, says: "--reserved-names"},
		"no such file":          {args: append(both, "--jwks", "/nonexistent/keys"), says: "--jwks"},
		"keys alone":            {args: []string{"--jwks", url}, says: "--jwt-issuer"},
		"an issuer alone":       {args: both, says: "need --jwks"},
		"nobody could be known": {args: []string{"--no-guests"}, says: "need --jwks"},
	} {
		var f identityFlags
		flagsOf(t, f.add, tt.args...)
		got, err := f.config()
		switch {
		case tt.says != "":
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", name, err)
			}
		case err != nil || got.JWKSURL != tt.want.JWKSURL || got.JWKSFile != tt.want.JWKSFile || got.KeyFile != tt.want.KeyFile ||
			got.Issuer != tt.want.Issuer || got.Audience != tt.want.Audience || got.NoGuests != tt.want.NoGuests:
			t.Errorf("%s: %+v %v", name, got, err)
		case got.Validate() != nil:
			t.Errorf("%s: %v", name, got.Validate())
		}
	}
}

func TestDev_reservesNames(t *testing.T) {
	names := writeFile(t, "names", "admin\r\n\nModerator\n")
	p := startDev(t, func(cfg *devConfig) { flagsOf(t, cfg.identity.add, "--reserved-names", names) })
	for asked, shown := range map[string]bool{"ADMIN": false, "m0derator": false, "Ann": true} {
		_, ticket := assign(t, p, &matchmakerv1.CreateTicketRequest{Mode: "ffa", PlayerName: asked})
		if got := ticket.GetPlayerName(); got == "" || (got == asked) != shown {
			t.Errorf("%s: %q", asked, got)
		}
	}
}

func TestDev_acceptsUsersOfTheIssuer(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	keys := writeFile(t, "issuer.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	p := startDev(t, func(cfg *devConfig) {
		flagsOf(t, cfg.identity.add, "--jwks", keys, "--jwt-issuer", "iss", "--jwt-audience", "aud", "--no-guests")
	})
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": "iss", "aud": "aud", "sub": "7f3a", "name": "Ada", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	_, ticket := assign(t, p, &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", IdentityToken: token})
	if !strings.HasPrefix(ticket.GetPlayerId(), "p-") || ticket.GetPlayerName() != "Ada" {
		t.Errorf("%v", ticket)
	}
	_, err = p.client().CreateTicket(t.Context(), connect.NewRequest(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"}))
	if connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "guests are not accepted") {
		t.Errorf("a guest: %v", err)
	}
}

func TestInternalTLSFlags_errorsNameTheFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"an authority alone": {"--internal-tls-ca", "ca.pem"},
		"no such files":      {"--internal-tls-cert", "/nonexistent/cert.pem", "--internal-tls-key", "/nonexistent/key.pem"},
	} {
		var f internalTLSFlags
		flagsOf(t, f.add, args...)
		if err := f.apply(&matchmaker.Config{}); err == nil || !strings.Contains(err.Error(), "--internal-tls-ca") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var cfg matchmaker.Config
	if err := (&internalTLSFlags{}).apply(&cfg); err != nil || cfg.InternalTLSFiles != (matchmaker.TLSFiles{}) {
		t.Errorf("without files: %v %v", cfg.InternalTLSFiles, err)
	}
}

func TestIdentityFlags_inDevAndMatchmaker(t *testing.T) {
	for _, c := range newRoot(nil).Commands() {
		wants := map[string]bool{"dev": true, "matchmaker": true}[c.Name()]
		for _, flag := range []string{"jwks", "jwt-issuer", "jwt-audience", "no-guests", "reserved-names"} {
			if (c.Flags().Lookup(flag) != nil) != wants {
				t.Errorf("%s has --%s: %v", c.Name(), flag, !wants)
			}
		}
		if (c.Flags().Lookup("internal-tls-cert") != nil) != (c.Name() == "matchmaker") {
			t.Errorf("%s and --internal-tls-cert", c.Name())
		}
	}
}

func TestRolesFlags_errorsNameTheFlag(t *testing.T) {
	for mode, want := range map[string]matchmaker.Roles{"enforce": {}, "warn": {WarnOnly: true}} {
		f := rolesFlags{mode: mode}
		var cfg matchmaker.Config
		if err := f.apply(&cfg); err != nil || cfg.Roles != want {
			t.Errorf("%s: %+v, %v", mode, cfg.Roles, err)
		}
	}
	f := rolesFlags{mode: "off"}
	if err := f.apply(new(matchmaker.Config)); err == nil || !strings.Contains(err.Error(), "--roles") {
		t.Errorf("an unknown mode: %v", err)
	}
}
