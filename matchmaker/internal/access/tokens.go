package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"
)

const (
	minToken      = 16 // bytes
	maxTokenLines = 10_000
	// checkInterval is between two looks at the file.
	checkInterval = time.Second
)

// Tokens are the tokens of a file, a role and a token in each line. Empty lines and
// lines that begin with # are skipped. A changed file counts within a second. While it
// can't be used, the last one counts. It is safe for concurrent use.
type Tokens struct {
	path string
	log  *zap.Logger
	now  func() time.Time

	mu       sync.Mutex
	checked  time.Time
	digest   [sha256.Size]byte
	reported string
	callers  map[[sha256.Size]byte]Caller // by digest of the token, so that a lookup takes the same time for all
	own      string                       // first token of the role matchmaker; empty: none
}

// OpenTokens reads the file.
func OpenTokens(path string, log *zap.Logger) (*Tokens, error) {
	t := &Tokens{path: path, log: log, now: time.Now}
	if _, err := t.loadLocked(); err != nil {
		return nil, fmt.Errorf("tokens of the internal port: %w", err)
	}
	t.checked = t.now()
	return t, nil
}

// Find returns the caller with the token.
func (t *Tokens) Find(token string) (Caller, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checkLocked()
	c, ok := t.callers[sha256.Sum256([]byte(token))]
	return c, ok
}

// HasMatchmaker reports whether the file has a token for matchmakers.
func (t *Tokens) HasMatchmaker() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checkLocked()
	return t.own != ""
}

// GetRequestMetadata implements [credentials.PerRPCCredentials]: a matchmaker shows
// other replicas the first token of its own role.
func (t *Tokens) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checkLocked()
	if t.own == "" {
		return nil, nil //nolint:nilnil // no metadata, as gRPC's own credentials have it
	}
	return map[string]string{"authorization": "Bearer " + t.own}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials]. Tokens are also
// for private networks without TLS.
func (t *Tokens) RequireTransportSecurity() bool { return false }

var _ credentials.PerRPCCredentials = (*Tokens)(nil)

// checkLocked reads the file again when its last check is old.
func (t *Tokens) checkLocked() {
	now := t.now()
	if now.Sub(t.checked) < checkInterval {
		return
	}
	t.checked = now
	changed, err := t.loadLocked()
	switch {
	case err != nil && t.reported != err.Error():
		t.reported = err.Error()
		t.log.Warn("changed tokens of the internal port not usable, keeping the old ones", zap.Error(err))
	case err == nil:
		t.reported = ""
		if changed {
			t.log.Info("tokens of the internal port reloaded", zap.String("file", t.path), zap.Int("tokens", len(t.callers)))
		}
	}
}

func (t *Tokens) loadLocked() (changed bool, err error) {
	text, err := os.ReadFile(t.path)
	if err != nil {
		return false, err
	}
	digest := sha256.Sum256(text)
	if t.callers != nil && digest == t.digest {
		return false, nil
	}
	callers, own, err := parseTokens(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.path, err)
	}
	t.callers, t.own, t.digest = callers, own, digest
	return true, nil
}

func parseTokens(text string) (callers map[[sha256.Size]byte]Caller, own string, err error) {
	callers = make(map[[sha256.Size]byte]Caller)
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if number > maxTokenLines {
			return nil, "", fmt.Errorf("over %d lines", maxTokenLines)
		}
		if len(fields) != 2 {
			return nil, "", fmt.Errorf("line %d has %d words; want a role and a token", number, len(fields))
		}
		role, err := parse(fields[0])
		if err != nil {
			return nil, "", fmt.Errorf("line %d: %w", number, err)
		}
		if len(fields[1]) < minToken {
			return nil, "", fmt.Errorf("line %d: the token has %d characters, at least %d", number, len(fields[1]), minToken)
		}
		key := sha256.Sum256([]byte(fields[1]))
		callers[key] = callers[key].with(role)
		if role.Roles == Matchmaker && own == "" {
			own = fields[1]
		}
	}
	if len(callers) == 0 {
		return nil, "", errors.New("the file has no token")
	}
	return callers, own, nil
}
