package matchmaker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	"tactus/internal/certificate"
	"tactus/matchmaker/internal/access"
)

// Roles says how callers of the internal port show their role: game server,
// matchmaker, back end or operator. With mutual TLS a certificate does, by its URI
// tactus://ROLE or tactus://server/ID, else by its organizational unit; one without
// either is a game server's. The zero value works on loopback, where every caller has
// every role.
type Roles struct {
	// TokenFile is a file with a role and a token in each line. Callers show the token
	// as "authorization: Bearer TOKEN". Changed files count within a second.
	TokenFile string
	// Insecure lets an internal port that other machines reach run without client
	// certificates and without tokens. Every caller then has every role.
	Insecure bool
	// WarnOnly lets calls pass whose caller lacks the role. They are logged and
	// counted. It is for the upgrade of an installation, and will go.
	WarnOnly bool
}

// errOpenPort is about an internal port without any authentication.
var errOpenPort = errors.New("matchmaker: other machines reach the internal port, and nothing shows which role a caller has: " +
	"set up mutual TLS (--internal-tls-ca, -cert, -key) or tokens (--internal-token-file), " +
	"or set --internal-insecure where the network lets only trusted processes in")

// validate returns what is wrong with the roles on the internal port.
func (r Roles) validate(c *Config) error {
	if r.TokenFile != "" {
		if _, err := access.OpenTokens(r.TokenFile, zap.NewNop()); err != nil {
			return fmt.Errorf("matchmaker: %w", err)
		}
		return nil
	}
	if !c.verifiesClients() && !r.Insecure && !r.WarnOnly && !c.internalIsLoopback() {
		return errOpenPort
	}
	return nil
}

// verifiesClients reports whether the internal port verifies client certificates.
func (c *Config) verifiesClients() bool {
	return c.InternalTLSFiles.CA != "" || c.InternalTLS != nil && c.InternalTLS.ClientAuth >= tls.VerifyClientCertIfGiven
}

// internalIsLoopback reports whether only this machine reaches the internal port.
func (c *Config) internalIsLoopback() bool {
	if c.InternalListener != nil {
		addr, ok := c.InternalListener.Addr().(*net.TCPAddr)
		return !ok || addr.IP.IsLoopback()
	}
	host, _, err := net.SplitHostPort(c.InternalAddr)
	if err != nil {
		return true // reported as such
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// openRoles reads the tokens and makes the policy of the internal port.
func (m *Matchmaker) openRoles() (err error) {
	cfg := &m.cfg
	if cfg.Roles.TokenFile != "" {
		if m.tokens, err = access.OpenTokens(cfg.Roles.TokenFile, m.log); err != nil {
			return fmt.Errorf("matchmaker: %w", err)
		}
	}
	certificates := cfg.verifiesClients()
	if cfg.internalTLS != nil {
		certificates = cfg.internalTLS.Config().ClientCAs != nil
	}
	m.roles = access.NewPolicy(access.Config{
		Certificates: certificates, Tokens: m.tokens, WarnOnly: cfg.Roles.WarnOnly, Refused: m.metrics.CallRefused,
	}, m.log)
	switch {
	case !m.roles.Authenticates() && !cfg.internalIsLoopback():
		m.log.Warn("internal port authenticates no caller, everything that reaches it has every role",
			zap.String("hint", "set up mutual TLS or --internal-token-file"))
	case m.tokens != nil && !certificates && cfg.replicated() && !m.tokens.HasMatchmaker():
		m.log.Warn("no token for matchmakers, replicas refuse each other", zap.String("file", cfg.Roles.TokenFile))
	}
	return nil
}

// replicated reports whether other matchmakers call this one.
func (c *Config) replicated() bool { return c.NATS.URL != "" && c.AdvertiseAddr != "" }

// peerOptions are those of calls to other matchmakers.
func (m *Matchmaker) peerOptions() []grpc.DialOption {
	options := []grpc.DialOption{m.cfg.peerCredentials()}
	if m.tokens != nil {
		options = append(options, grpc.WithPerRPCCredentials(m.tokens))
	}
	return options
}

// errNoMatchmakerRole is about a certificate that is presented to other matchmakers.
var errNoMatchmakerRole = errors.New("the certificate does not name the role matchmaker (URI tactus://matchmaker or organizational unit matchmaker): " +
	"other matchmakers refuse its calls")

// checkOwnRole returns errNoMatchmakerRole for a certificate without the role.
func checkOwnRole(l certificate.Loaded) error {
	if len(l.Certificates) == 0 || l.Certificates[0].Leaf == nil || access.Certified(l.Certificates[0].Leaf).Roles&access.Matchmaker != 0 {
		return nil
	}
	return errNoMatchmakerRole
}
