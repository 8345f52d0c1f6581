package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"tactus/matchmaker/internal/failure"
)

// keyring holds the issuer's keys. It reads them at intervals, and when a token names
// an unknown one. It is safe for concurrent use.
type keyring struct {
	log    *zap.Logger
	from   string // URL or path
	read   func(context.Context) ([]byte, error)
	parse  func([]byte) (*keySet, error)
	every  time.Duration
	wanted chan struct{} // capacity 1: a token waits for pending
	ended  chan struct{} // closed when run has returned

	current atomic.Pointer[keySet]
	last    []byte      // source of current; owned by run
	failed  atomic.Bool // the last read failed: an unknown key may be a new one

	mu      sync.Mutex
	pending chan struct{} // closed when the next read is done
	// asked is the time of the last read that a token caused.
	asked time.Time
}

func newKeyring(ctx context.Context, cfg Config, log *zap.Logger) (*keyring, error) {
	k := &keyring{
		log: log, every: cfg.Refresh, parse: parseKeySet,
		wanted: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if cfg.JWKSURL != "" {
		k.from = cfg.JWKSURL
		if strings.HasPrefix(cfg.JWKSURL, "http://") {
			log.Warn("keys of the identity issuer fetched over plain HTTP, an attacker on the path can impersonate every player",
				zap.String("from", cfg.JWKSURL))
		}
		k.read = func(ctx context.Context) ([]byte, error) { return fetch(ctx, cfg.Client, cfg.JWKSURL) }
		k.pending = make(chan struct{}) // tokens wait for the first fetch
		return k, nil
	}
	k.from = cfg.JWKSFile
	if cfg.KeyFile != "" {
		k.from, k.parse = cfg.KeyFile, parsePEM
	}
	k.read = func(context.Context) ([]byte, error) { return os.ReadFile(k.from) }
	if err := k.refresh(ctx); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return k, nil
}

func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", url, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySetBytes+1))
	if len(body) > maxKeySetBytes {
		return nil, fmt.Errorf("%s: over %d bytes", url, maxKeySetBytes)
	}
	return body, err
}

// run reads the keys at intervals and when a token needs them, until ctx ends. Keys
// of a URL are also read now. After an error the known keys stay valid.
func (k *keyring) run(ctx context.Context) {
	defer close(k.ended)
	wait, retry := k.every, minRetry
	if k.current.Load() == nil {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-k.wanted:
		}
		wait = k.every
		err := k.refresh(ctx)
		if err == nil {
			retry = minRetry
		} else if ctx.Err() == nil {
			wait, retry = min(retry, k.every), min(2*retry, maxRetry)
		}
		k.logChange(err)
		k.releaseWaiting()
		timer.Reset(wait)
	}
}

// logChange logs when reading the keys begins to fail, and when it succeeds again.
func (k *keyring) logChange(err error) {
	switch was := k.failed.Swap(err != nil); {
	case err != nil && !was && !errors.Is(err, context.Canceled):
		k.log.Warn("keys of the identity issuer not readable, known keys stay valid",
			zap.String("from", k.from), zap.Error(err))
	case err == nil && was:
		k.log.Info("keys of the identity issuer readable again", zap.String("from", k.from))
	}
}

// refresh reads the keys once.
func (k *keyring) refresh(ctx context.Context) error {
	data, err := k.read(ctx)
	if err != nil {
		return err
	}
	if k.current.Load() != nil && bytes.Equal(data, k.last) {
		return nil
	}
	set, err := k.parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", k.from, err)
	}
	k.current.Store(set)
	k.last = data
	k.log.Info("keys of the identity issuer read", zap.String("from", k.from),
		zap.Int("keys", len(set.all.Keys)), zap.Int("not_usable", set.skipped))
	return nil
}

// releaseWaiting lets the tokens go on that wait for a read.
func (k *keyring) releaseWaiting() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pending != nil {
		close(k.pending)
		k.pending = nil
	}
}

// find returns the key, or keys, that may have signed the token. For an unknown key it
// reads the keys, at most once in [minRefreshInterval] for all tokens together.
func (k *keyring) find(ctx context.Context, token *jwt.Token) (any, error) {
	set := k.current.Load()
	if set != nil {
		if key, err := set.find(token); !errors.Is(err, errUnknownKey) {
			return key, err
		}
	}
	if err := k.reread(ctx); err != nil {
		return nil, err
	}
	if set = k.current.Load(); set == nil {
		return nil, failure.New(failure.KeysUnavailable)
	}
	key, err := set.find(token)
	if errors.Is(err, errUnknownKey) {
		if k.failed.Load() {
			return nil, failure.New(failure.KeysUnavailable) // the key may be one that could not be fetched
		}
		return nil, failure.New(failure.IdentityKeyUnknown)
	}
	return key, err
}

// reread makes run read the keys and waits for it, or for a read that is running. When
// the last read that a token caused is too recent, it does nothing.
func (k *keyring) reread(ctx context.Context) error {
	k.mu.Lock()
	pending := k.pending
	if pending == nil && time.Since(k.asked) >= minRefreshInterval {
		pending = make(chan struct{})
		k.pending, k.asked = pending, time.Now()
		select {
		case k.wanted <- struct{}{}:
		default: // a read that is about to begin serves this token, too
		}
	}
	k.mu.Unlock()
	if pending == nil {
		return nil
	}
	select {
	case <-pending:
		return nil
	case <-k.ended:
		return failure.New(failure.Stopping)
	case <-ctx.Done():
		return failure.New(failure.KeysUnavailable).Because(ctx.Err())
	}
}
