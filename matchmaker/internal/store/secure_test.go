package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/internal/certificate"
	"tactus/internal/certificate/certtest"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/store/storetest"
)

func TestStore_externalNATSByTLSAndCredentials(t *testing.T) {
	node := storetest.StartSecure(t)
	stranger := certtest.NewAuthority(t)
	good := store.Config{
		URL: node.URL, Replicas: 1, Credentials: node.Credentials,
		TLSFiles: certificate.Files{CA: node.CA, Cert: node.Client.Cert, Key: node.Client.Key},
	}
	for name, c := range map[string]struct {
		change func(*store.Config)
		want   string
	}{
		"everything right":      {func(*store.Config) {}, ""},
		"another authority":     {func(c *store.Config) { c.TLSFiles.CA = stranger.CA }, "TLS"},
		"no client certificate": {func(c *store.Config) { c.TLSFiles.Cert, c.TLSFiles.Key = "", "" }, "TLS"},
		"a stranger's certificate": {func(c *store.Config) {
			pair := stranger.Issue("client")
			c.TLSFiles.Cert, c.TLSFiles.Key = pair.Cert, pair.Key
		}, "TLS"},
		"no credentials": {func(c *store.Config) { c.Credentials = "" }, "refuses the credentials"},
		"a missing file": {func(c *store.Config) { c.TLSFiles.CA = "nowhere.pem" }, "nowhere.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			if err := store.Probe(ctx, cfg); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("probe: %v, want %q", err, c.want)
			}
			s, err := store.Open(ctx, cfg, zap.NewNop())
			if c.want != "" {
				if err == nil {
					s.Close()
				}
				if err == nil || !strings.Contains(err.Error(), c.want) || ctx.Err() != nil {
					t.Errorf("%v (%v), want %q at once", err, ctx.Err(), c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			version, err := s.ServerVersion(ctx)
			if err != nil || version == "" {
				t.Errorf("JetStream answers %q, %v", version, err)
			}
		})
	}
}
