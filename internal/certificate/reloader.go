package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"sync"
)

// Reloader keeps a TLS configuration that follows its files, so that certificates
// can be renewed while the process runs. It is safe for concurrent use.
type Reloader struct {
	files  Files
	build  func(Loaded) (*tls.Config, error)
	report func(error)

	mu       sync.Mutex
	current  *tls.Config
	digest   [3][sha256.Size]byte // of the files that current was built from
	reported string               // the last error; a mistake is reported once, not at each handshake
}

// NewReloader loads the files. build makes a configuration of what they hold, or
// returns why it can't be used. It is called again for changed files. report
// receives the outcome: nil when a new configuration is in use, else an error, once
// until it changes. report is not called by NewReloader itself.
func NewReloader(files Files, build func(Loaded) (*tls.Config, error), report func(error)) (*Reloader, error) {
	r := &Reloader{files: files, build: build, report: report}
	if _, err := r.load(); err != nil {
		return nil, err
	}
	return r, nil
}

// Config returns the configuration for a handshake. It reads the files. While
// changed files can't be used, because they are missing or a renewal is half done,
// it returns the last configuration that could be used. Callers must not change it.
func (r *Reloader) Config() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed, err := r.load()
	switch {
	case err != nil && r.reported != err.Error():
		r.reported = err.Error()
		r.report(err)
	case err == nil:
		r.reported = ""
		if changed {
			r.report(nil)
		}
	}
	return r.current
}

// load reports whether the files have changed and a new configuration is in use.
func (r *Reloader) load() (changed bool, err error) {
	text, err := r.files.read()
	if err != nil {
		return false, err
	}
	digest := text.digest()
	if r.current != nil && digest == r.digest {
		return false, nil
	}
	loaded, err := r.files.parse(text)
	if err != nil {
		return false, err
	}
	next, err := r.build(loaded)
	if err != nil {
		return false, err
	}
	r.current, r.digest = next, digest
	return true, nil
}
