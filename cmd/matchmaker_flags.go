package tactuscmd

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tactus/matchmaker"
)

// identityFlags are the flags about the identity of players.
type identityFlags struct {
	jwks     string
	reserved string
	identity matchmaker.Identity
}

func (f *identityFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.jwks, "jwks", "", "keys of the issuer of your players' JWTs: URL or file of a JSON Web Key Set, or a PEM file")
	fl.StringVar(&f.identity.Issuer, "jwt-issuer", "", "required iss claim of these JWTs")
	fl.StringVar(&f.identity.Audience, "jwt-audience", "", "required aud claim of these JWTs")
	fl.BoolVar(&f.identity.NoGuests, "no-guests", false, "reject players without a JWT")
	fl.StringVar(&f.reserved, "reserved-names", "", "file with names, one per line, that players can't choose, such as admin or moderator")
}

// config returns the configuration. Its errors use the names of the flags.
func (f *identityFlags) config() (matchmaker.Identity, error) {
	cfg := f.identity
	if f.reserved != "" {
		data, err := os.ReadFile(f.reserved)
		if err != nil {
			return cfg, fmt.Errorf("--reserved-names: %w", err)
		}
		cfg.ReservedNames = strings.Split(string(data), "\n")
	}
	switch {
	case f.jwks == "" && (cfg.Issuer != "" || cfg.Audience != "" || cfg.NoGuests):
		return cfg, fmt.Errorf("--jwt-issuer, --jwt-audience and --no-guests need --jwks, the keys of the issuer")
	case f.jwks == "":
		return cfg, nil
	case cfg.Issuer == "" || cfg.Audience == "":
		return cfg, fmt.Errorf("--jwks needs --jwt-issuer and --jwt-audience, the required iss and aud claims")
	case strings.HasPrefix(f.jwks, "https://"), strings.HasPrefix(f.jwks, "http://"):
		cfg.JWKSURL = f.jwks
		return cfg, nil
	}
	isPEM, err := looksLikePEM(f.jwks)
	if err != nil {
		return cfg, fmt.Errorf("--jwks: %w", err)
	}
	if isPEM {
		cfg.KeyFile = f.jwks
	} else {
		cfg.JWKSFile = f.jwks
	}
	return cfg, nil
}

func looksLikePEM(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	head, err := io.ReadAll(io.LimitReader(file, 4096))
	return bytes.Contains(head, []byte("-----BEGIN ")), err
}

// internalTLSFlags are the files for TLS on the internal port, and the roles of its
// callers.
type internalTLSFlags struct {
	files matchmaker.TLSFiles
	roles rolesFlags
}

func (f *internalTLSFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.files.CA, "internal-tls-ca", "", "PEM file with the authorities of client certificates; clients without a certificate are rejected")
	fl.StringVar(&f.files.Cert, "internal-tls-cert", "", "PEM file with the certificate of the internal port; reloaded when it changes")
	fl.StringVar(&f.files.Key, "internal-tls-key", "", "PEM file with the key of --internal-tls-cert")
	f.roles.add(c)
}

// rolesFlags say how callers of the internal port show their role, and which results
// of game servers count.
type rolesFlags struct {
	roles         matchmaker.Roles
	mode, results string
}

func (f *rolesFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.roles.TokenFile, "internal-token-file", "", "file with a role (server, server/ID, matchmaker, backend, operator) and a token per line, for callers of the internal port; reloaded when it changes")
	fl.BoolVar(&f.roles.Insecure, "internal-insecure", false, "let the internal port be reached from other machines without client certificates and tokens; every caller may do everything")
	fl.StringVar(&f.mode, "roles", "enforce", "enforce: refuse callers of the internal port without the role for a call; warn: log them and let them pass, for an upgrade")
	fl.StringVar(&f.results, "results", "sealed", "sealed: rate players that a game server proves by the seal of their join token; trusted: believe servers of releases without seals, too, for an upgrade")
}

func (f *rolesFlags) apply(cfg *matchmaker.Config) error {
	if f.mode != "" && f.mode != "enforce" && f.mode != "warn" {
		return fmt.Errorf("--roles %q: want enforce or warn", f.mode)
	}
	if f.results != "" && f.results != "sealed" && f.results != "trusted" {
		return fmt.Errorf("--results %q: want sealed or trusted", f.results)
	}
	cfg.TrustResults = f.results == "trusted"
	f.roles.WarnOnly = f.mode == "warn"
	cfg.Roles = f.roles
	return nil
}

// apply validates the files and adds them to the configuration.
func (f *internalTLSFlags) apply(cfg *matchmaker.Config) error {
	if err := f.files.Validate(); err != nil {
		return fmt.Errorf("--internal-tls-ca, -cert, -key: %w", err)
	}
	cfg.InternalTLSFiles = f.files
	return f.roles.apply(cfg)
}
