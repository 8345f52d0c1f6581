// Package store holds the state that the replicas of a matchmaker share:
//   - [Bucket]: records with compare-and-swap
//   - [Members]: which replicas are alive
//   - [Leases]: which replica owns what, with a growing term
//   - [Journal]: the records of a queue, with one writer at a time
//   - [Log]: messages in order, one for each key
//
// The state is in NATS JetStream: by default in a server inside the process, which
// listens on no port, or in an external cluster. The code above the connection is the
// same for both.
//
// Two facts about JetStream shape the package. After the death of its leader a stream
// takes no writes for 4 to 10 seconds and sends no answer, so a write that timed out may
// be stored. Each write carries an ID that identifies it later, and is repeated until its
// outcome is certain. A consumer may stay silent after its node died, so the package
// uses none. Changes are announced by a plain message and read from the stream by
// sequence; followers also read every two seconds without an announcement.
//
// docs/adr/0006-nats.md has the reasons, and what is lost in which failure.
package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"tactus/internal/certificate"
)

var (
	// ErrNotFound is returned for a key without a record.
	ErrNotFound = errors.New("no such key in the store")
	// ErrExists is returned by Create for a key that is taken.
	ErrExists = errors.New("the key exists in the store")
	// ErrConflict is returned when a key has another revision than the caller
	// expected: another writer has changed it.
	ErrConflict = errors.New("the key was changed in the store meanwhile")
	// ErrFenced is returned when another writer has opened the journal, or NATS has
	// lost it. The record may be in the journal or not; the next writer knows.
	ErrFenced = errors.New("the journal is no longer this writer's")
	// ErrClosed is returned for records that were not stored before Close.
	ErrClosed = errors.New("closed")
	// ErrTooLarge is returned for a value beyond the largest NATS message.
	ErrTooLarge = errors.New("value is larger than the largest message of NATS")
)

const (
	defaultName    = "tactus"
	defaultTimeout = 500 * time.Millisecond
)

// Config is where the streams are. The zero value is an embedded server with all
// streams in memory.
type Config struct {
	// URL of an external NATS; several are separated by commas. Empty: embedded.
	URL string
	// Dir is where the embedded server keeps durable streams over restarts. Empty: they
	// are in memory like all others.
	Dir string
	// Replicas of each stream: 1 embedded; external 1, 3 or 5, default 3.
	Replicas int
	// Name is the prefix of buckets, streams and subjects, default "tactus".
	// Installations with different names can share a NATS.
	Name string
	// TLS, Credentials (a file), User, Password and Token are options of the client
	// of an external NATS.
	TLS *tls.Config
	// TLSFiles are files for TLS instead: each connection reads them again.
	TLSFiles certificate.Files

	Credentials, User, Password, Token string
	// Timeout of one attempt of a write or read, default 500 ms. Attempts repeat until
	// the caller's context ends.
	Timeout time.Duration
}

// Validate returns all mistakes.
func (c Config) Validate() error {
	var errs []error
	if c.URL == "" {
		errs = c.checkEmbedded()
	} else {
		errs = c.checkExternal()
	}
	if strings.Trim(c.Name, plainCharacters) != "" {
		errs = append(errs, fmt.Errorf("the store's name %q may have letters, digits, - and _ only", c.Name))
	}
	if c.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout must not be negative, is %v", c.Timeout))
	}
	return errors.Join(errs...)
}

func (c Config) checkEmbedded() (errs []error) {
	if c.Replicas > 1 {
		errs = append(errs, fmt.Errorf("an embedded store has one replica of each stream, not %d", c.Replicas))
	}
	if c.TLS != nil || c.TLSFiles != (certificate.Files{}) || c.Credentials != "" || c.User != "" || c.Password != "" || c.Token != "" {
		errs = append(errs, errors.New("an embedded store takes neither TLS nor credentials: it does not listen"))
	}
	return errs
}

func (c Config) checkExternal() (errs []error) {
	errs = append(errs, checkURLs(c.URL))
	if c.TLS != nil && c.TLSFiles != (certificate.Files{}) {
		errs = append(errs, errors.New("TLSFiles exclude TLS"))
	}
	if _, err := c.TLSFiles.Load(); err != nil {
		errs = append(errs, fmt.Errorf("TLS to NATS: %w", err))
	}
	if c.Dir != "" {
		errs = append(errs, errors.New("an external NATS keeps its own files: Dir is for the embedded store"))
	}
	if c.Replicas != 0 && c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		errs = append(errs, fmt.Errorf("replicas must be 1, 3 or 5, not %d", c.Replicas))
	}
	return errs
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Replicas == 0 {
		c.Replicas = 3
		if c.URL == "" {
			c.Replicas = 1
		}
	}
	return c
}

// Store is the connection to NATS and, if embedded, the server. It is safe for
// concurrent use.
type Store struct {
	cfg Config
	log *zap.Logger
	nc  *nats.Conn
	js  jetstream.JetStream
	// bulk is a connection for reads of many messages. They take long, and the server
	// serves the requests of a connection one after the other.
	bulk   *nats.Conn
	server *embeddedServer // nil when external

	stop  context.Context //nolint:containedctx // ends with Close; of the store's goroutines
	close context.CancelFunc
	tasks sync.WaitGroup // goroutines of the store itself
}

// Open connects, and starts an embedded server. For an external NATS it tries until ctx
// ends, so that processes may start in any order. Wrong credentials fail without a
// retry.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	s := &Store{cfg: cfg.withDefaults(), log: log.Named("store")}
	s.stop, s.close = context.WithCancel(context.Background())
	if err := s.connect(ctx); err != nil {
		s.Close()
		return nil, err
	}
	var err error
	if s.js, err = jetstream.New(s.nc); err != nil {
		s.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Close ends everything that was opened from the store, and stops an embedded server.
// It does not release leases; see [Lease.Release]. Further calls do nothing.
func (s *Store) Close() {
	s.close()
	ended := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Second): // a task hangs in a dead connection
	}
	for _, nc := range []*nats.Conn{s.nc, s.bulk} {
		if nc != nil {
			nc.Close()
		}
	}
	<-ended
	if s.server != nil {
		s.server.shutdown()
	}
}

// Connected reports whether NATS is reachable.
func (s *Store) Connected() bool { return s.nc.IsConnected() }

// ConnectionChanged returns a channel that gets a value when Connected may have changed.
// Several changes may give one value. release closes the channel.
func (s *Store) ConnectionChanged() (changed <-chan nats.Status, release func()) {
	ch := s.nc.StatusChanged()
	return ch, func() { s.nc.RemoveStatusListener(ch) }
}

// ServerVersion asks JetStream whether it answers, and returns the version of the NATS
// server.
func (s *Store) ServerVersion(ctx context.Context) (string, error) {
	if _, err := s.js.AccountInfo(ctx); err != nil {
		return "", fmt.Errorf("JetStream: %w", err)
	}
	return s.nc.ConnectedServerVersion(), nil
}

// Embedded reports whether the server runs in this process.
func (s *Store) Embedded() bool { return s.server != nil }

// Publish sends a hint to the subscribers of subject in all processes. It is not stored:
// a process that is not connected misses it. The subject is below the store's name. It
// consists of words of letters, digits, - and _, joined by dots.
func (s *Store) Publish(subject string, data []byte) error {
	if err := s.nc.Publish(s.hintSubject(subject), data); err != nil {
		return fmt.Errorf("publish %s: %w", subject, err)
	}
	return nil
}

// Subscribe calls f with each hint for subject, one after the other, also with those of
// this process. data belongs to f.
func (s *Store) Subscribe(subject string, f func(data []byte)) (unsubscribe func(), err error) {
	sub, err := s.nc.Subscribe(s.hintSubject(subject), func(m *nats.Msg) { f(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

func (s *Store) hintSubject(subject string) string { return s.cfg.Name + ".hint." + subject }

// options are the options of the connection. It reconnects for ever. It buffers nothing
// while it is down: a message that can't be sent is an error for its sender.
func (s *Store) options() []nats.Option {
	return []nats.Option{
		nats.Name(s.cfg.Name + " matchmaker"),
		nats.Timeout(2 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(2 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if s.stop.Err() == nil {
				s.log.Warn("NATS disconnected", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			s.log.Info("NATS reconnected", zap.String("url", nc.ConnectedUrlRedacted()))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Warn("NATS error", zap.Error(err))
		}),
	}
}

func (s *Store) connect(ctx context.Context) error {
	if s.cfg.URL == "" {
		return s.connectEmbedded()
	}
	secure, err := tlsOptions(s.cfg.TLSFiles, s.log)
	if err != nil {
		return err
	}
	options := slices.Concat(s.options(), s.credentials(), secure)
	for logged := false; ; {
		err := s.dial(options)
		if err == nil {
			return nil
		}
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
			return fmt.Errorf("NATS at %s refuses the credentials: %w", redact(s.cfg.URL), err)
		}
		if isTLSFailure(err) {
			return fmt.Errorf("TLS to NATS at %s fails: %w", redact(s.cfg.URL), err)
		}
		if !logged {
			logged = true
			s.log.Warn("NATS unreachable", zap.String("url", redact(s.cfg.URL)), zap.Error(err))
		}
		if !pause(ctx, 250*time.Millisecond) {
			return fmt.Errorf("no connection to NATS at %s: %w", redact(s.cfg.URL), err)
		}
	}
}

func (s *Store) connectEmbedded() error {
	server, err := startServer(s.cfg.Dir, s.log)
	if err != nil {
		return err
	}
	s.server = server
	if err := s.dial(append(s.options(), nats.InProcessServer(server.nats))); err != nil {
		return fmt.Errorf("connect to the embedded NATS: %w", err)
	}
	return nil
}

// dial opens the connections that are missing.
func (s *Store) dial(options []nats.Option) (err error) {
	if s.nc == nil {
		if s.nc, err = nats.Connect(s.cfg.URL, options...); err != nil {
			return err
		}
	}
	s.bulk, err = nats.Connect(s.cfg.URL, options...)
	return err
}

func (s *Store) credentials() []nats.Option {
	var options []nats.Option
	if s.cfg.TLS != nil {
		options = append(options, nats.Secure(s.cfg.TLS))
	}
	if s.cfg.Credentials != "" {
		options = append(options, nats.UserCredentials(s.cfg.Credentials))
	}
	if s.cfg.User != "" {
		options = append(options, nats.UserInfo(s.cfg.User, s.cfg.Password))
	}
	if s.cfg.Token != "" {
		options = append(options, nats.Token(s.cfg.Token))
	}
	return options
}

// checkURLs rejects URLs to which no attempt could connect. Its errors contain no part
// of them: text that can't be parsed may be a password.
func checkURLs(urls string) error {
	for i, text := range strings.Split(urls, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		if u, err := url.Parse(text); err != nil || u.Host == "" {
			return fmt.Errorf("URL %d of NATS can't be read: want nats://host:4222; in a user's name or password, "+
				"characters such as / @ : %% and commas are escaped as %%2F, %%40, %%3A, %%25 and %%2C", i+1)
		}
	}
	return nil
}

// redact removes passwords and tokens from URLs.
func redact(urls string) string {
	parts := strings.Split(urls, ",")
	for i, part := range parts {
		if at := strings.LastIndexByte(part, '@'); at >= 0 {
			scheme, _, _ := strings.Cut(part, "://")
			parts[i] = scheme + "://" + part[at+1:]
		}
	}
	return strings.Join(parts, ",")
}

// bound returns a ctx that also ends with the store.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(s.stop, func() { cancel(ErrClosed) })
	return ctx, func() { detach(); cancel(nil) }
}

// pause waits for d. It returns false if ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
