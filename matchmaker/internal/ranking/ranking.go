// Package ranking keeps the skill of each player in each queue. It rates the results that
// game servers report, counts each match exactly once, and serves ratings, leaderboards
// and match histories.
//
// All ratings follow from a log of results. Every replica appends to it, and adds it up
// in the same order. An entry carries the change of each player, so adding up needs no
// model. One replica also writes records and histories of players, which are sums of the
// log, to two buckets (see archive): for a quick start, and for results that the log has
// dropped. Each record has the sequence up to which it counts, so a start from any
// mixture of records ends at the same sums.
package ranking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tactus/matchmaker/internal/rating"
	"tactus/matchmaker/internal/store"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// ErrStarting is returned by Report until the results since the last archived ones are
// read.
var ErrStarting = errors.New("ratings are being loaded; report the match again")

// Config configures ratings. The zero value rates every queue with the default model.
type Config struct {
	// Model of the ratings; the zero value is rating.Default. It rates the matches that
	// are reported to this replica. Matches that are rated already stay as they are.
	Model rating.Model
	// Rated reports whether a queue has ratings. Nil: all have.
	Rated func(queue string) bool
	// MinMatches is the number of matches after which a player is ranked; default 3.
	MinMatches int
	// Keep is how long results are kept, so that a repeated report does not count again;
	// default 90 days.
	Keep time.Duration
	// Leases of the store, so that one replica archives. Nil: this one does, which is
	// right for a single replica and merely wasteful for several.
	Leases *store.Leases
	// Players follows who has a rating. Nil: nothing does.
	Players Players
}

// Players is what follows who has a rating. It must not call the ranking.
type Players interface {
	// Learn is called with each player that gets a first rating in a queue, and at the
	// start with all that have one.
	Learn(player string)
	// Forget is called with a player that was deleted.
	Forget(player string)
}

type noPlayers struct{}

func (noPlayers) Learn(string)  {}
func (noPlayers) Forget(string) {}

const (
	defaultMinMatches = 3
	defaultKeep       = 90 * 24 * time.Hour
	leaseName         = "ratings"
)

// Validate returns all mistakes.
func (c Config) Validate() error {
	var errs []error
	if err := c.withDefaults().Model.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("rating model: %w", err))
	}
	if c.MinMatches < 0 {
		errs = append(errs, fmt.Errorf("a player can't be ranked after %d matches", c.MinMatches))
	}
	if c.Keep != 0 && c.Keep < time.Hour {
		errs = append(errs, fmt.Errorf("results must be kept an hour at least, not %v", c.Keep))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Model == (rating.Model{}) {
		c.Model = rating.Default()
	}
	if c.Rated == nil {
		c.Rated = func(string) bool { return true }
	}
	if c.Players == nil {
		c.Players = noPlayers{}
	}
	if c.MinMatches == 0 {
		c.MinMatches = defaultMinMatches
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	return c
}

// Ranking holds the ratings of all queues. It is safe for concurrent use.
type Ranking struct {
	cfg     Config
	log     *zap.Logger
	results *store.Log
	records *store.Bucket
	history *store.Bucket

	from  uint64        // Run reads the results after this one
	until uint64        // and is ready after this one
	ready chan struct{} // closed when it is ready

	mu     sync.RWMutex
	boards map[string]*queueBoard
}

// queueBoard is the board of a queue, and its lock.
type queueBoard struct {
	sync.RWMutex
	*board
}

// Open reads the archived records. Ratings are those of the records until Run has read the
// results since. Without Run no rating changes.
func Open(ctx context.Context, s *store.Store, cfg Config, log *zap.Logger) (*Ranking, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	r := &Ranking{cfg: cfg.withDefaults(), log: log, ready: make(chan struct{}), boards: make(map[string]*queueBoard)}
	var err error
	if r.results, err = s.Log(ctx, store.LogConfig{Name: "results", MaxAge: r.cfg.Keep, Durable: true}); err != nil {
		return nil, fmt.Errorf("open match results: %w", err)
	}
	if r.records, err = s.Bucket(ctx, store.BucketConfig{Name: "ratings", Durable: true}); err != nil {
		return nil, fmt.Errorf("open ratings: %w", err)
	}
	if r.history, err = s.Bucket(ctx, store.BucketConfig{Name: "rating-history", Durable: true}); err != nil {
		return nil, fmt.Errorf("open rating history: %w", err)
	}
	if err := r.load(ctx, s); err != nil {
		return nil, fmt.Errorf("load ratings: %w", err)
	}
	return r, nil
}

// load reads the records, then the length of the log.
func (r *Ranking) load(ctx context.Context, s *store.Store) (err error) {
	began := time.Now()
	newest := uint64(0)
	for pass := range passes(s) {
		entries, err := r.records.All(ctx)
		if err != nil {
			return err
		}
		// The checkpoint of the same reading: the records of this reading go at least as
		// far. A separate read may come from a replica of the bucket that is ahead.
		for _, e := range entries {
			if e.Key == checkpointKey && pass == 0 {
				if r.from, err = decodeCheckpoint(e.Value); err != nil {
					return err
				}
			}
			sequence, err := r.loadRecord(e)
			if err != nil {
				return err
			}
			newest = max(newest, sequence, r.from)
		}
	}
	if r.until, err = r.results.Last(ctx); err != nil {
		return err
	}
	if err := r.fill(ctx, newest); err != nil {
		return err
	}
	r.seen(r.from)
	r.log.Info("ratings loaded", zap.Int("records", r.size()), zap.Uint64("results_archived", r.from),
		zap.Uint64("results_stored", r.until), zap.Duration("took", time.Since(began)))
	return nil
}

// passes is the number of readings of the records. A reading of a replicated bucket goes
// from replica to replica. It can miss a record that moves to the end meanwhile; two
// readings miss none.
func passes(s *store.Store) int {
	if s.Embedded() {
		return 1
	}
	return 2
}

// loadRecord puts a record on its board unless the board has a newer one. It returns the
// sequence up to which the record counts.
func (r *Ranking) loadRecord(e store.Entry) (uint64, error) {
	o, ok := parseKey(e.Key)
	if !ok {
		return 0, nil
	}
	rec, err := decodeRecord(e.Value)
	if err != nil {
		return 0, fmt.Errorf("record of player %q in queue %q can't be read: %w", o.player, o.queue, err)
	}
	if b := r.board(o.queue); b.record(o.player).Sequence < rec.Sequence {
		b.put(o.player, rec)
	}
	return rec.Sequence, nil
}

// size is the number of records.
func (r *Ranking) size() (n int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, b := range r.boards {
		b.RLock()
		n += len(b.numbers)
		b.RUnlock()
	}
	return n
}

// fill appends empty results until the log is as long as the records say. After a power
// cut the end of the log may be lost while records are newer: they would take the next
// results for results that they have counted.
func (r *Ranking) fill(ctx context.Context, newest uint64) (err error) {
	if newest <= r.until {
		return nil
	}
	if newest-r.until > maxFill {
		return fmt.Errorf("ratings count %d results and the log holds %d: was it removed? Remove the ratings too, or bring it back", newest, r.until)
	}
	r.log.Warn("result log lost its end", zap.Uint64("counted", newest), zap.Uint64("stored", r.until))
	empty, err := new(result).encode()
	if err != nil {
		return err
	}
	for r.until < newest {
		key := fmt.Sprintf("%0*d", maxMatchID+1, r.until+1) // longer than the ID of any match
		if r.until, _, err = r.results.AppendOnce(ctx, key, empty); err != nil {
			return err
		}
	}
	return nil
}

// Run follows the results and archives them until ctx ends, which is no error. The caller
// runs it once, and ends it before the store is closed.
func (r *Ranking) Run(ctx context.Context) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error {
		err := r.results.Follow(ctx, r.from, func(sequence uint64, match string, value []byte) error {
			r.count(sequence, match, value)
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("follow match results: %w", err)
	})
	tasks.Go(func() error {
		r.archive().run(ctx, r.cfg.Leases)
		return nil
	})
	return tasks.Wait()
}

// Report rates a match that ended and stores the result once, however often it is
// reported. Nil means that no further report is needed: the result is stored, or the match
// is not rated, or the report is invalid, which is logged. Ratings change in every replica
// when the stored result comes back. After an error (of the store, of ctx, or ErrStarting)
// the result may be stored or not, and must be reported again.
func (r *Ranking) Report(ctx context.Context, e *fleetv1.MatchEnded) error {
	if !r.cfg.Rated(QueueOf(e)) {
		return nil
	}
	m, teams, err := readResult(e, time.Now(), r.cfg.Keep)
	if errors.Is(err, errUnrated) {
		return nil
	}
	if err == nil {
		select {
		case <-r.ready:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrStarting, ctx.Err())
		}
		err = r.rate(m, teams)
	}
	if err != nil {
		r.log.Warn("invalid match result", zap.String("match", e.GetMatchId()), zap.String("queue", QueueOf(e)), zap.Error(err))
		return nil
	}
	value, err := m.encode()
	if err != nil {
		return fmt.Errorf("encode the result of match %s: %w", e.GetMatchId(), err)
	}
	if _, _, err := r.results.AppendOnce(ctx, e.GetMatchId(), value); err != nil {
		return fmt.Errorf("store the result of match %s: %w", e.GetMatchId(), err)
	}
	return nil
}

// rate computes the changes from the present ratings.
func (r *Ranking) rate(m *result, l *lineup) error {
	b := r.board(m.Queue)
	before := make([][]rating.Skill, len(l.teams))
	b.RLock()
	for t, team := range l.teams {
		for _, i := range team {
			skill := r.cfg.Model.Initial
			if w := b.find(m.Players[i].Player); w != nil {
				skill = w.skill
			}
			before[t] = append(before[t], skill)
		}
	}
	b.RUnlock()
	after, err := r.cfg.Model.Rate(before, l.ranks)
	if err != nil {
		return err
	}
	for t, team := range l.teams {
		for k, i := range team {
			m.Players[i].Before, m.Players[i].After = pack(before[t][k]), pack(after[t][k])
		}
	}
	return r.rateLeavers(m, l, before)
}

// rateLeavers changes the ratings of players that left their team: as if it had come
// last. The others of the team keep what it has reached.
func (r *Ranking) rateLeavers(m *result, l *lineup, before [][]rating.Skill) error {
	for t, team := range l.teams {
		if !slices.ContainsFunc(team, func(i int) bool { return slices.Contains(l.left, i) }) {
			continue
		}
		ranks := slices.Clone(l.ranks)
		ranks[t] = slices.Max(ranks) + 1
		after, err := r.cfg.Model.Rate(before, ranks)
		if err != nil {
			return err
		}
		for k, i := range team {
			if slices.Contains(l.left, i) {
				m.Players[i].After = pack(after[t][k])
			}
		}
	}
	return nil
}

// count adds a stored result to the boards.
func (r *Ranking) count(sequence uint64, match string, value []byte) {
	defer r.seen(sequence)
	m, err := decodeResult(value)
	if err != nil {
		r.log.Error("unreadable match result", zap.String("match", match), zap.Uint64("sequence", sequence), zap.Error(err))
		return
	}
	if m.Deletion != nil {
		r.rename(sequence, m.Deletion)
	}
	if len(m.Players) == 0 {
		return
	}
	b := r.board(m.Queue)
	b.Lock()
	defer b.Unlock()
	for i := range m.Players {
		c := &m.Players[i]
		rec := b.record(c.Player)
		if rec.add(sequence, match, m, c) {
			b.put(c.Player, rec)
		}
	}
}

// seen records that all results up to the sequence are counted. Open and the follower of
// Run call it.
func (r *Ranking) seen(sequence uint64) {
	if sequence < r.until {
		return
	}
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
}

func (r *Ranking) board(queue string) *queueBoard {
	if b := r.known(queue); b != nil {
		return b
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.boards[queue]
	if b == nil {
		b = &queueBoard{board: newBoard(uint32(r.cfg.MinMatches), r.cfg.Players.Learn)}
		r.boards[queue] = b
	}
	return b
}

// known returns the board of a queue; nil if no match was ever rated in it.
func (r *Ranking) known(queue string) *queueBoard {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.boards[queue]
}

func (r *Ranking) archive() *archive {
	return &archive{log: r.log, results: r.results, records: r.records, history: r.history, queues: r.queues}
}
