package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// refreshInterval is the time between two looks at the files. A handshake looks,
	// so that a port without clients reads nothing.
	refreshInterval = time.Second
	// ExpiryWarning is the time before its end from which on a certificate is warned of,
	// once a day. Issuers of 90 days renew with 30 days left.
	ExpiryWarning = 7 * 24 * time.Hour
	warnInterval  = 24 * time.Hour
)

// PortConfig configures a [Port]. It needs Pairs, Issue, or both.
type PortConfig struct {
	// Pairs are the certificates in files.
	Pairs Pairs
	// Issue returns certificates for names that no pair is valid for, as an ACME client
	// does. Nil: the first pair serves all other names.
	Issue func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// ChallengeProtocol is the ALPN protocol of handshakes that are for Issue alone, as
	// of the challenge tls-alpn-01 (RFC 8737). Empty: none.
	ChallengeProtocol string
	// TicketKeys is a file for [LoadTicketKeys], for several processes behind one name.
	// Empty: keys are random, this process's own, and change daily.
	TicketKeys string
}

// Port is the TLS of a public port. Its certificates and ticket keys follow their
// files. While these can't be read, or do not fit together, handshakes use the old
// ones. It is safe for concurrent use.
type Port struct {
	cfg    PortConfig
	log    *zap.Logger
	config *tls.Config // of all handshakes; its ticket keys change
	outer  *tls.Config // leads to config

	current   atomic.Pointer[[]tls.Certificate]
	refreshed atomic.Int64 // when the files were read last, in Unix nanoseconds

	mu       sync.Mutex // of what follows; held to read the files
	digest   [sha256.Size]byte
	keys     [sha256.Size]byte // digest of the ticket keys in use
	reported map[string]string // the last error by what it is about; each is logged once
	warned   time.Time         // of a certificate that expires
}

var errNoSource = errors.New("TLS needs a certificate and its key, or an ACME domain")

// NewPort loads the files.
func NewPort(cfg PortConfig, log *zap.Logger) (*Port, error) {
	if log == nil {
		log = zap.NewNop()
	}
	p := &Port{cfg: cfg, log: log, reported: make(map[string]string)}
	p.config = &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: p.certificate,
		// One record for each frame of up to 16 KiB, instead of records that begin small.
		DynamicRecordSizingDisabled: true,
	}
	if cfg.ChallengeProtocol != "" {
		p.config.NextProtos = append(p.config.NextProtos, cfg.ChallengeProtocol)
	}
	if len(cfg.Pairs) == 0 && cfg.Issue == nil {
		return nil, errNoSource
	}
	if _, err := p.load(); err != nil {
		return nil, err
	}
	if _, err := p.loadTicketKeys(); err != nil {
		return nil, err
	}
	// A handshake that resumes a session asks for no certificate, but for this.
	p.outer = p.config.Clone()
	p.outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		p.refresh()
		return p.config, nil
	}
	p.refreshed.Store(time.Now().UnixNano())
	p.warnOfExpiry()
	return p, nil
}

// TLSConfig returns the configuration of the port. Copies of it follow the files, too.
// Callers must not change it.
func (p *Port) TLSConfig() *tls.Config { return p.outer }

// Leaves returns the certificates in the files, without their chains.
func (p *Port) Leaves() []*x509.Certificate { return leaves(*p.current.Load()) }

// certificate chooses the certificate for a handshake.
func (p *Port) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	list := *p.current.Load()
	if p.cfg.Issue != nil && p.cfg.ChallengeProtocol != "" && slices.Contains(hello.SupportedProtos, p.cfg.ChallengeProtocol) {
		return p.cfg.Issue(hello)
	}
	if c := choose(list, hello); c != nil {
		return c, nil
	}
	if p.cfg.Issue != nil {
		return p.cfg.Issue(hello)
	}
	return &list[0], nil
}

// refresh reads the files if they were not read for a while. Of handshakes at one
// time, one reads, and the others use what is there.
func (p *Port) refresh() {
	if time.Now().UnixNano()-p.refreshed.Load() < int64(refreshInterval) || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	p.refreshed.Store(time.Now().UnixNano())
	p.follow("certificates", p.load)
	p.follow("ticket keys", p.loadTicketKeys)
	p.warnOfExpiry()
}

// follow loads what has changed and logs the outcome, an error once until it changes.
func (p *Port) follow(what string, load func() (bool, error)) {
	changed, err := load()
	switch {
	case err != nil && p.reported[what] != err.Error():
		p.reported[what] = err.Error()
		p.log.Warn("changed TLS files not usable, keeping the old ones", zap.String("what", what), zap.Error(err))
	case err == nil:
		delete(p.reported, what)
		if changed {
			p.log.Info("TLS files reloaded", zap.String("what", what))
		}
	}
}

// load reports whether the certificates have changed.
func (p *Port) load() (changed bool, err error) {
	if len(p.cfg.Pairs) == 0 {
		p.current.CompareAndSwap(nil, new([]tls.Certificate))
		return false, nil
	}
	text, err := p.cfg.Pairs.read()
	if err != nil {
		return false, err
	}
	sum := digest(text)
	if p.current.Load() != nil && sum == p.digest {
		return false, nil
	}
	list, err := p.cfg.Pairs.parse(text)
	if err != nil {
		return false, err
	}
	p.current.Store(&list)
	p.digest, p.warned = sum, time.Time{}
	return true, nil
}

func (p *Port) loadTicketKeys() (changed bool, err error) {
	if p.cfg.TicketKeys == "" {
		return false, nil
	}
	text, err := os.ReadFile(p.cfg.TicketKeys)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(text)
	if sum == p.keys {
		return false, nil
	}
	keys, err := parseTicketKeys(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", p.cfg.TicketKeys, err)
	}
	p.config.SetSessionTicketKeys(keys)
	p.keys = sum
	return true, nil
}

// warnOfExpiry logs certificates that end soon or have ended.
func (p *Port) warnOfExpiry() {
	now := time.Now()
	if now.Sub(p.warned) < warnInterval {
		return
	}
	for i, leaf := range p.Leaves() {
		if left := leaf.NotAfter.Sub(now); left < ExpiryWarning {
			p.warned = now
			p.log.Warn("certificate expires", zap.String("cert", p.cfg.Pairs[i].Cert), zap.Time("not_after", leaf.NotAfter), zap.Duration("left", left.Round(time.Minute)))
		}
	}
}
