package recording

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/matchmaker/matchfunc"
)

// Config configures a [Recorder]. Dir and Queue are required. Other fields have the
// defaults that are named.
type Config struct {
	Dir   string // created if missing; of one matchmaker only
	Queue string // 1 to 48 of a-z, 0-9, - and _; or two such names with a /
	// RulesVersion is the first version of the queue's rules, see [Recorder.Rules].
	RulesVersion string

	MaxBytes int64 // of a file; default 64 MiB
	Keep     int   // files of the queue, the oldest are removed; default 8
	Buffer   int   // events that wait to be written; default 8192
	// KeepIDs writes players' ids. Default: a hash of each id, which is the same within
	// one file only.
	KeepIDs bool
	// Metrics counts recorded and dropped events. Default: not counted.
	Metrics *Metrics
}

const (
	defaultMaxBytes = 64 << 20
	defaultKeep     = 8
	defaultBuffer   = 8192

	// flushAfter bounds how much a crash loses.
	flushAfter = time.Second
	// retryAfter is how long the recorder waits after a failed write.
	retryAfter = time.Minute
)

var queueName = regexp.MustCompile(`^[a-z0-9_-]{1,48}(/[a-z0-9_-]{1,48})?$`)

func (c Config) withDefaults() Config {
	c.MaxBytes = cmp.Or(c.MaxBytes, defaultMaxBytes)
	c.Keep = cmp.Or(c.Keep, defaultKeep)
	c.Buffer = cmp.Or(c.Buffer, defaultBuffer)
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("recording: Dir is missing"))
	}
	if !queueName.MatchString(c.Queue) {
		errs = append(errs, fmt.Errorf("recording: queue %q: want 1 to 48 of a-z, 0-9, - and _, or two such names with a /", c.Queue))
	}
	if c.MaxBytes < 0 || c.Keep < 0 || c.Buffer < 0 {
		errs = append(errs, errors.New("recording: MaxBytes, Keep and Buffer can't be negative"))
	}
	return errors.Join(errs...)
}

// Recorder records the searches of one queue. It never blocks the queue: a goroutine of
// its own writes the events from a buffer. Events that find the buffer full are dropped
// and counted. It is safe for concurrent use. A nil Recorder does nothing.
type Recorder struct {
	cfg     Config
	log     *zap.Logger
	rules   atomic.Pointer[string]
	lines   chan line
	quit    chan struct{}
	done    chan struct{}
	closing sync.Once
	err     error // of closing; set before done is closed

	dropped        atomic.Int64
	metricWritten  prometheus.Counter
	metricDropped  prometheus.Counter
	reportedDrops  int64 // below: owned by run
	file           *file
	lastBegun      time.Time
	retryAt        time.Time
	sinceLastFlush bool
}

// line is an event that waits to be written: a search that began, or the end of one.
type line struct {
	created *matchfunc.Group // nil: an end
	ticket  string
	at      time.Time
	reason  string
}

// New returns a recorder. It returns an error if the folder is not writable. Files are
// created with the first event.
func New(cfg Config, log *zap.Logger) (*Recorder, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := probe(cfg.Dir); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return start(cfg, log), nil
}

func start(cfg Config, log *zap.Logger) *Recorder {
	r := prepare(cfg, log)
	go r.run()
	return r
}

// prepare returns a recorder that does not write yet.
func prepare(cfg Config, log *zap.Logger) *Recorder {
	cfg = cfg.withDefaults()
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics()
	}
	r := &Recorder{
		cfg: cfg, log: log.With(zap.String("queue", cfg.Queue), zap.String("folder", cfg.Dir)),
		lines: make(chan line, cfg.Buffer), quit: make(chan struct{}), done: make(chan struct{}),
		metricWritten: cfg.Metrics.written.WithLabelValues(cfg.Queue), metricDropped: cfg.Metrics.dropped.WithLabelValues(cfg.Queue),
	}
	r.rules.Store(&cfg.RulesVersion)
	return r
}

// Created records that a search began, at the group's time. The group is read later and
// must not change.
func (r *Recorder) Created(g *matchfunc.Group) {
	if r != nil {
		r.send(line{created: g})
	}
}

// Ended records that a search ended. The reason may be one of the package's constants,
// or another one.
func (r *Recorder) Ended(ticket string, at time.Time, reason string) {
	if r != nil {
		r.send(line{ticket: ticket, at: at, reason: reason})
	}
}

// Rules sets the version of the queue's rules. Later events are written to a new file,
// so that each file has one version.
func (r *Recorder) Rules(version string) {
	if r != nil && *r.rules.Load() != version {
		r.rules.Store(&version)
	}
}

// Dropped returns how many events are missing from the recording.
func (r *Recorder) Dropped() int64 {
	if r == nil {
		return 0
	}
	return r.dropped.Load()
}

// Close writes the buffered events and closes the file. Later events are ignored.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.closing.Do(func() { close(r.quit) })
	<-r.done
	return r.err
}

func (r *Recorder) send(l line) {
	select {
	case <-r.quit:
		return
	default:
	}
	select {
	case r.lines <- l:
	default:
		r.drop()
	}
}

func (r *Recorder) drop() {
	r.dropped.Add(1)
	r.metricDropped.Inc()
}

func (r *Recorder) run() {
	defer close(r.done)
	flush := time.NewTimer(flushAfter)
	defer flush.Stop()
	flush.Stop()
	for {
		select {
		case l := <-r.lines:
			r.write(l)
			if !r.sinceLastFlush {
				r.sinceLastFlush = true
				flush.Reset(flushAfter)
			}
		case <-flush.C:
			r.sinceLastFlush = false
			r.flush()
		case <-r.quit:
			r.finish()
			return
		}
	}
}

// write writes one event to the file that it belongs to.
func (r *Recorder) write(l line) {
	rules := *r.rules.Load()
	if r.file != nil && (r.file.rules != rules || r.file.Written() >= r.cfg.MaxBytes) {
		if err := r.file.close(); err != nil {
			r.suspend(err)
		}
		r.file = nil
	}
	if r.file == nil && !r.open(rules) {
		r.drop()
		return
	}
	if l.created != nil {
		r.file.Created(r.disguise(l.created))
	} else {
		r.file.Ended(ticketHash(l.ticket), l.at, l.reason)
	}
	r.metricWritten.Inc()
}

func (r *Recorder) open(rules string) bool {
	now := time.Now()
	if now.Before(r.retryAt) {
		return false
	}
	// Names are in order of time, even if the clock went back or two files begin at the
	// same time: the first by name counts as the oldest.
	if next := r.lastBegun.Add(time.Millisecond); now.Before(next) {
		now = next
	}
	f, err := create(r.cfg.Dir, r.cfg.Queue, rules, now)
	if err != nil {
		r.suspend(err)
		return false
	}
	r.file, r.lastBegun = f, f.begun
	if err := removeOldest(r.cfg.Dir, r.cfg.Queue, r.cfg.Keep); err != nil {
		r.log.Warn("old recording not removed", zap.Error(err))
	}
	return true
}

// suspend stops writing until a retry.
func (r *Recorder) suspend(err error) {
	r.log.Error("recording not writable; searches are not recorded until a retry", zap.Duration("in", retryAfter), zap.Error(err))
	r.retryAt = time.Now().Add(retryAfter)
}

func (r *Recorder) flush() {
	if r.file != nil {
		if err := r.file.Flush(); err != nil {
			r.suspend(errors.Join(err, r.file.close()))
			r.file = nil
		}
	}
	if dropped := r.dropped.Load(); dropped > r.reportedDrops {
		r.log.Warn("recording has gaps", zap.Int64("dropped", dropped-r.reportedDrops), zap.Int64("dropped_in_all", dropped))
		r.reportedDrops = dropped
	}
}

func (r *Recorder) finish() {
	for {
		select {
		case l := <-r.lines:
			r.write(l)
			continue
		default:
		}
		break
	}
	r.flush()
	if r.file != nil {
		r.err = r.file.close()
	}
}

// disguise returns the group without identities. A ticket's id is a secret while the
// ticket exists, and a player's id identifies the player.
func (r *Recorder) disguise(g *matchfunc.Group) *matchfunc.Group {
	disguised := *g
	disguised.ID = ticketHash(g.ID)
	if r.cfg.KeepIDs {
		return &disguised
	}
	disguised.Players = make([]matchfunc.Player, len(g.Players))
	for i, p := range g.Players {
		disguised.Players[i] = matchfunc.Player{ID: hash(r.file.salt, p.ID), Skill: p.Skill}
	}
	return &disguised
}

// ticketHash hashes a ticket's id without salt. Ticket ids can't be guessed, and the begin
// and the end of a search may be in files of different matchmakers.
func ticketHash(id string) string { return hash("", id) }

func hash(salt, id string) string {
	sum := sha256.Sum256([]byte(salt + id))
	return hex.EncodeToString(sum[:8])
}
