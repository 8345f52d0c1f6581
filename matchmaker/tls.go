package matchmaker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// TLSFiles names the PEM files of the internal port's TLS.
type TLSFiles struct {
	// CA holds the authorities of client certificates. With it TLS is mutual:
	// nobody without a certificate of theirs gets in.
	CA string
	// Cert and Key are the port's own.
	Cert, Key string
}

// Load reads the files and makes what [Config].InternalTLS takes, TLS 1.3. When
// the files change, new connections use the new ones; as long as these can't be
// read, or don't fit together, the old ones are used and the log says so. No
// file at all gives nil: plain text.
func (f TLSFiles) Load(log *zap.Logger) (*tls.Config, error) {
	switch {
	case f == TLSFiles{}:
		return nil, nil
	case f.Cert == "" || f.Key == "":
		return nil, errors.New("matchmaker: TLS needs a certificate and its key")
	}
	if log == nil {
		log = zap.NewNop()
	}
	r := &tlsReloader{files: f, log: log}
	var err error
	if r.seen, err = f.state(); err != nil {
		return nil, fmt.Errorf("matchmaker: TLS: %w", err)
	}
	if r.current, err = f.read(); err != nil {
		return nil, fmt.Errorf("matchmaker: TLS: %w", err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.config(), nil },
	}, nil
}

func (f TLSFiles) paths() []string {
	if f.CA == "" {
		return []string{f.Cert, f.Key}
	}
	return []string{f.Cert, f.Key, f.CA}
}

// fileState tells whether files are still the same.
type fileState [3]struct {
	changed time.Time
	size    int64
}

func (f TLSFiles) state() (fileState, error) {
	var s fileState
	for i, path := range f.paths() {
		info, err := os.Stat(path)
		if err != nil {
			return s, err
		}
		s[i].changed, s[i].size = info.ModTime(), info.Size()
	}
	return s, nil
}

func (f TLSFiles) read() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair}}
	if f.CA == "" {
		return c, nil
	}
	authorities, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, err
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !c.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s: no PEM certificate in it", f.CA)
	}
	return c, nil
}

// tlsReloader looks at the files at each handshake.
type tlsReloader struct {
	files TLSFiles
	log   *zap.Logger

	mu      sync.Mutex
	seen    fileState
	current *tls.Config
	warned  string // so that one mistake is logged once, not at each handshake
}

func (r *tlsReloader) config() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, err := r.files.state()
	if err == nil && now == r.seen {
		return r.current
	}
	var next *tls.Config
	if err == nil {
		next, err = r.files.read()
	}
	if err != nil {
		if r.warned != err.Error() {
			r.warned = err.Error()
			r.log.Warn("changed TLS files can't be used; the old ones are", zap.Error(err))
		}
		return r.current
	}
	r.seen, r.current, r.warned = now, next, ""
	r.log.Info("TLS files read again", zap.String("cert", r.files.Cert))
	return r.current
}
