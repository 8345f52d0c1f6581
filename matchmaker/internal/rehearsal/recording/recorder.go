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

// Config configures a [Recorder]. Dir and Queue are needed; a zero value of
// another field means the default named.
type Config struct {
	Dir   string // made when it is missing; one matchmaker's only
	Queue string // 1 to 48 of a-z, 0-9, - and _; or two such names with a /
	// RulesVersion is what the queue's rules are at first; see
	// [Recorder.Rules].
	RulesVersion string

	MaxBytes int64 // of a file; default 64 MiB
	Keep     int   // files of the queue, the oldest go; default 8
	Buffer   int   // events on their way to the file; default 8192
	// KeepIDs writes players' ids as they are. Default: a hash of each that is
	// the same within one file and means nothing outside.
	KeepIDs bool
	// Metrics counts what was recorded and what was dropped. Default: nobody
	// does.
	Metrics *Metrics
}

const (
	defaultMaxBytes = 64 << 20
	defaultKeep     = 8
	defaultBuffer   = 8192

	// flushAfter bounds what a crash takes along.
	flushAfter = time.Second
	// retryAfter is how long a folder that could not be written to is left
	// alone.
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

// Recorder writes one queue's searches down. It never holds the queue up:
// events go through a buffer to a goroutine of its own, and what finds the
// buffer full is dropped and counted. All methods may be called by any
// goroutine, also of a nil Recorder, which does nothing.
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

// line is an event on its way: a search that began, or the end of one.
type line struct {
	created *matchfunc.Group // nil: an end
	ticket  string
	at      time.Time
	reason  string
}

// New makes a recorder and makes sure that it can write to its folder. Files
// are made when there is something to write.
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

// prepare makes a recorder that does not write yet.
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

// Created records that a search began, at the group's own time. The group is
// read later on and must not be changed any more.
func (r *Recorder) Created(g *matchfunc.Group) {
	if r != nil {
		r.send(line{created: g})
	}
}

// Ended records that a search ended. Reasons are those of the package's
// constants, or others.
func (r *Recorder) Ended(ticket string, at time.Time, reason string) {
	if r != nil {
		r.send(line{ticket: ticket, at: at, reason: reason})
	}
}

// Rules says that the queue's rules have another version from now on. What
// comes then goes to the next file, so that each file is of one version.
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

// Close writes what is buffered, closes the file and waits for it. Events that
// come later are ignored.
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
			r.fail(err)
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
	// Names go up, even where the clock went back or two files begin at once:
	// the first by name is taken for the oldest.
	if next := r.lastBegun.Add(time.Millisecond); now.Before(next) {
		now = next
	}
	f, err := create(r.cfg.Dir, r.cfg.Queue, rules, now)
	if err != nil {
		r.fail(err)
		return false
	}
	r.file, r.lastBegun = f, f.begun
	if err := removeOldest(r.cfg.Dir, r.cfg.Queue, r.cfg.Keep); err != nil {
		r.log.Warn("an old recording could not be removed", zap.Error(err))
	}
	return true
}

// fail gives the file up for a while.
func (r *Recorder) fail(err error) {
	r.log.Error("the recording can't be written; searches go unrecorded until it is tried again", zap.Duration("in", retryAfter), zap.Error(err))
	r.retryAt = time.Now().Add(retryAfter)
}

func (r *Recorder) flush() {
	if r.file != nil {
		if err := r.file.Flush(); err != nil {
			r.fail(errors.Join(err, r.file.close()))
			r.file = nil
		}
	}
	if dropped := r.dropped.Load(); dropped > r.reportedDrops {
		r.log.Warn("the recording has gaps", zap.Int64("dropped", dropped-r.reportedDrops), zap.Int64("dropped_in_all", dropped))
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

// disguise returns the group without identities: a ticket's id is a secret
// while it lives, a player's says who it is.
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

// ticketHash has no salt: ticket ids are random enough not to be guessed, and
// the begin and the end of a search may be in files of different matchmakers.
func ticketHash(id string) string { return hash("", id) }

func hash(salt, id string) string {
	sum := sha256.Sum256([]byte(salt + id))
	return hex.EncodeToString(sum[:8])
}
