package ranking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"tactus/matchmaker/internal/store"
)

var errCrash = errors.New("the process ends here")

// mortal is a bucket whose process ends after some writes: the next one is
// stored or not, its answer never comes.
type mortal struct {
	bucket
	left  *atomic.Int64 // shared by all buckets of the process
	after bool          // the fatal write is stored
}

func (b mortal) dies() bool { return b.left.Add(-1) < 0 }

func (b mortal) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	if b.dies() {
		if b.after && b.left.Load() == -1 {
			_, _ = b.bucket.Create(ctx, key, value)
		}
		return 0, errCrash
	}
	return b.bucket.Create(ctx, key, value)
}

func (b mortal) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if b.dies() {
		if b.after && b.left.Load() == -1 {
			_, _ = b.bucket.Update(ctx, key, value, revision)
		}
		return 0, errCrash
	}
	return b.bucket.Update(ctx, key, value, revision)
}

// dying is the ranking's archive in a process that ends after so many writes.
func dying(r *Ranking, writes int, after bool) *archive {
	left := new(atomic.Int64)
	left.Store(int64(writes))
	return &archive{log: zap.NewNop(), results: r.results, records: mortal{r.records, left, after}, history: mortal{r.history, left, after}}
}

// entriesOf reads the log after a sequence.
func entriesOf(t testing.TB, r *Ranking, after uint64) (entries []entry) {
	t.Helper()
	last, err := r.results.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if last <= after {
		return nil
	}
	done := errors.New("done")
	err = r.results.Follow(t.Context(), after, func(sequence uint64, match string, value []byte) error {
		m, err := decodeResult(value)
		if err != nil {
			return err
		}
		entries = append(entries, entry{sequence, match, m})
		if sequence == last {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return entries
}

// play reports matches in which the players of a small circle meet each other
// again and again.
func play(t testing.TB, r *Ranking, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		report(t, r, over(fmt.Sprintf("m%d", i), fmt.Sprintf("p%d -1 %d", i%3, 1+i%2), fmt.Sprintf("p%d -1 %d", 3+i%2, 1+i%3)))
	}
}

// archived fails unless everything is archived, once.
func archived(t testing.TB, r *Ranking) {
	t.Helper()
	if err := checkArchive(t.Context(), r, counted(t, r)); err != nil {
		t.Fatal(err)
	}
}

// checkArchive compares records and histories with what the log adds up to.
func checkArchive(ctx context.Context, r *Ranking, want map[owner]record) error {
	for o, rec := range want {
		stored, err := r.records.Get(ctx, o.key())
		if err != nil {
			return err
		}
		if got, err := decodeRecord(stored.Value); err != nil || got != rec {
			return fmt.Errorf("record of %v: %+v, %w, want %+v", o, got, err, rec)
		}
		history, _, err := r.archive().matchesOf(ctx, o)
		if err != nil {
			return err
		}
		if len(history) != min(int(rec.Matches), historySize) || history[len(history)-1] != rec.Last {
			return fmt.Errorf("history of %v: %+v; want %d, the last %+v", o, history, rec.Matches, rec.Last)
		}
		for i := 1; i < len(history); i++ {
			if history[i].Before != history[i-1].After || history[i].Sequence <= history[i-1].Sequence {
				return fmt.Errorf("history of %v: %+v follows %+v", o, history[i], history[i-1])
			}
		}
	}
	return nil
}

// The process ends after each write of the archive in turn, stored or not. What
// is opened then knows every match once, and the next round puts right what is
// stored.
func TestArchive_survivesACrashBetweenAnyTwoSteps(t *testing.T) {
	const first, all = 4, 9 // matches archived well, and with the crash
	for _, after := range []bool{false, true} {
		for writes := 0; ; writes++ {
			s := newStore(t, store.Config{})
			r, stop := start(t, s, Config{})
			play(t, r, 0, first)
			if err := r.archive().write(t.Context(), entriesOf(t, r, 0)); err != nil {
				t.Fatal(err)
			}
			play(t, r, first, all)
			stop()
			err := dying(r, writes, after).write(t.Context(), entriesOf(t, r, first))
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}

			again, stop := start(t, s, Config{})
			same(t, again, counted(t, again))
			stop()
			from, _, e := again.archive().checkpoint(t.Context())
			if e != nil {
				t.Fatal(e)
			}
			if rest := entriesOf(t, again, from); len(rest) > 0 {
				if err := again.archive().write(t.Context(), rest); err != nil {
					t.Fatal(err)
				}
			}
			archived(t, again)
			s.Close()
			if err == nil {
				if writes < 5 {
					t.Fatalf("only %d writes were tried", writes)
				}
				break
			}
		}
	}
}

// Replicas that take themselves for the only one archive at once.
func TestArchive_severalMayRunTogether(t *testing.T) {
	s := newStore(t, store.Config{})
	r, _ := start(t, s, Config{})
	play(t, r, 0, 60)
	entries := entriesOf(t, r, 0)
	errs := make(chan error)
	for i := range 3 {
		go func() {
			var err error
			for batch := range slices.Chunk(entries, 7+i) {
				err = errors.Join(err, r.archive().write(t.Context(), batch))
			}
			errs <- err
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	archived(t, r)
	if at, _, err := r.archive().checkpoint(t.Context()); at != 60 || err != nil {
		t.Fatalf("checkpoint at %d, %v, want 60", at, err)
	}
}

// Whatever records were written since the checkpoint, and up to which result,
// the ratings end the same.
func TestArchive_startsFromAnyMixtureOfRecords(t *testing.T) {
	s := newStore(t, store.Config{})
	source, _ := start(t, s, Config{})
	play(t, source, 0, 30)
	entries := entriesOf(t, source, 0)
	want := counted(t, source)
	var players []owner
	for o := range want {
		players = append(players, o)
	}
	slices.SortFunc(players, func(a, b owner) int { return strings.Compare(a.player, b.player) })
	rapid.Check(t, func(t *rapid.T) {
		checkpoint := rapid.IntRange(0, len(entries)).Draw(t, "checkpoint")
		sums := map[owner]record{}
		for _, o := range players {
			upTo := rapid.IntRange(checkpoint, len(entries)).Draw(t, o.player)
			for _, e := range entries[:upTo] {
				for i := range e.result.Players {
					if c := &e.result.Players[i]; c.Player == o.player {
						rec := sums[o]
						rec.add(e.sequence, e.match, e.result, c)
						sums[o] = rec
					}
				}
			}
		}
		r := &Ranking{cfg: Config{}.withDefaults(), log: zap.NewNop(), ready: make(chan struct{}), boards: map[string]*queueBoard{}, until: uint64(len(entries))}
		for o, rec := range sums {
			r.board(o.queue).put(o.player, rec)
		}
		for _, e := range entries[checkpoint:] {
			value, err := e.result.encode()
			if err != nil {
				t.Fatal(err)
			}
			r.count(e.sequence, e.match, value)
		}
		for o, rec := range want {
			if got := locked(r.known(o.queue), o.player); got != rec {
				t.Fatalf("%v: %+v, want %+v", o, got, rec)
			}
		}
	})
}

func TestArchive_ratingsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	s := newStore(t, store.Config{Dir: dir})
	r, stop := start(t, s, Config{})
	play(t, r, 0, 25)
	await(t, "the archive", func() bool {
		at, _, err := r.archive().checkpoint(t.Context())
		return err == nil && at == 25
	})
	play(t, r, 25, 30) // not archived, most likely
	want := counted(t, r)
	stop()
	s.Close()

	again, _ := start(t, newStore(t, store.Config{Dir: dir}), Config{})
	same(t, again, want)
	report(t, again, over("m3", "p0 -1 1", "p3 -1 2"))
	play(t, again, 30, 31)
	same(t, again, counted(t, again))
	if n := again.Rating(queue, "p0").Matches; n != 11 {
		t.Errorf("p0 has %d matches, want 11: each once", n)
	}
}

// One replica archives at a time; when it stops another goes on.
func TestArchive_needsTheLease(t *testing.T) {
	s := newStore(t, store.Config{})
	seen := leasesOf(t, s, "observer")
	stops := map[string]func(){}
	var r *Ranking
	for _, name := range []string{"one", "two"} {
		r, stops[name] = start(t, s, Config{Leases: leasesOf(t, s, name)})
	}
	for round := 1; round <= 2; round++ {
		play(t, r, 10*(round-1), 10*round)
		await(t, "the archive", func() bool {
			at, _, err := r.archive().checkpoint(t.Context())
			return err == nil && at == uint64(10*round)
		})
		var first string
		await(t, "a holder", func() bool {
			h, _ := seen.Holder(leaseName)
			first = h.ID
			return stops[first] != nil
		})
		stops[first]()
		delete(stops, first)
	}
	archived(t, r)
}

func leasesOf(t *testing.T, s *store.Store, name string) *store.Leases {
	t.Helper()
	leases, err := s.Leases(t.Context(), s.Join(t.Context(), store.Member{ID: name}))
	if err != nil {
		t.Fatal(err)
	}
	return leases
}

func TestRanking_history(t *testing.T) {
	r, _ := start(t, newStore(t, store.Config{}), Config{})
	if got, err := r.History(t.Context(), queue, "p0", 0); len(got) != 0 || err != nil {
		t.Fatalf("a beginner has the history %v, %v", got, err)
	}
	for i := range 25 {
		report(t, r, over(fmt.Sprintf("m%d", i), "p0 -1 1", "p1 -1 2"))
	}
	await(t, "the archive", func() bool {
		at, _, err := r.archive().checkpoint(t.Context())
		return err == nil && at == 25
	})
	got, err := r.History(t.Context(), queue, "p0", 0)
	if err != nil || len(got) != 20 {
		t.Fatalf("%d matches, %v, want 20", len(got), err)
	}
	for i, m := range got {
		if m.ID != fmt.Sprintf("m%d", 24-i) || m.Rank != 1 || m.Teams != 2 || m.After <= m.Before {
			t.Errorf("match %d from the end: %+v", i+1, m)
		}
		if i > 0 && m.After != got[i-1].Before {
			t.Errorf("match %d from the end ends at %v points, the next begins at %v", i+1, m.After, got[i-1].Before)
		}
	}
	last, _ := r.Last(queue, "p0")
	if few, err := r.History(t.Context(), queue, "p0", 3); err != nil || len(few) != 3 || few[0] != last || few[2] != got[2] {
		t.Errorf("the last three: %+v, %v", few, err)
	}
}

// The last match is in the history before it is archived, as nobody archives
// here.
func TestRanking_historyHasTheLastMatchImmediately(t *testing.T) {
	s := newStore(t, store.Config{})
	r, stop := start(t, s, Config{})
	report(t, r, over("m1", "p0 -1 1", "p1 -1 2"))
	awaitMatches(t, r, "p1", 1)
	stop()
	got, err := r.History(t.Context(), queue, "p1", 0)
	if err != nil || len(got) != 1 || got[0].ID != "m1" {
		t.Errorf("%+v, %v, want m1", got, err)
	}
}

func TestRanking_skipsUnreadableResults(t *testing.T) {
	s := newStore(t, store.Config{})
	r, _ := start(t, s, Config{})
	report(t, r, over("m1", "p0 -1 1", "p1 -1 2"))
	if _, _, err := r.results.AppendOnce(t.Context(), "junk", []byte("no result")); err != nil {
		t.Fatal(err)
	}
	report(t, r, over("m2", "p0 -1 1", "p1 -1 2"))
	awaitMatches(t, r, "p0", 2)
	await(t, "the archive", func() bool {
		at, _, err := r.archive().checkpoint(t.Context())
		return err == nil && at == 3
	})
	archived(t, r)
}

// A power cut took the end of the log, the records of it are there: new results
// count nevertheless.
func TestRanking_logThatLostItsEnd(t *testing.T) {
	s := newStore(t, store.Config{})
	first, stop := start(t, s, Config{})
	rec := record{Skill: [2]float64{30, 5}, Matches: 4, Sequence: 9, Last: played{Match: "lost", Sequence: 9}}
	if err := put(t.Context(), first.records, owner{queue, "anna"}.key(), &rec, 0); err != nil {
		t.Fatal(err)
	}
	report(t, first, over("m1", "cleo -1 1", "bert -1 2"))
	stop()

	r, _ := start(t, s, Config{})
	report(t, r, over("m2", "anna -1 1", "bert -1 2"))
	awaitMatches(t, r, "anna", 5)
	awaitMatches(t, r, "bert", 2)
	if got := locked(r.known(queue), "anna"); got.Sequence <= 9 || got.Skill[0] <= 30 {
		t.Errorf("after another win: %+v", got)
	}
}

func TestRanking_noticesARemovedLog(t *testing.T) {
	s := newStore(t, store.Config{})
	first, stop := start(t, s, Config{})
	stop()
	rec := record{Skill: [2]float64{30, 5}, Matches: 4, Sequence: 1 << 40}
	if err := put(t.Context(), first.records, owner{queue, "anna"}.key(), &rec, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), s, Config{}, nil); err == nil || !strings.Contains(err.Error(), "was it removed?") {
		t.Errorf("%v, want an error that says what happened", err)
	}
}

func TestRanking_unreadableRecordsAreAnError(t *testing.T) {
	s := newStore(t, store.Config{})
	first, stop := start(t, s, Config{})
	stop()
	for _, value := range []any{"no record", record{Skill: [2]float64{25, 0}, Matches: 1, Sequence: 1}} {
		key := owner{queue, fmt.Sprintf("anna %T", value)}.key()
		revision, err := first.records.Create(t.Context(), key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := put(t.Context(), first.records, key, value, revision); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), s, Config{}, nil); err == nil || !strings.Contains(err.Error(), `player "anna`) {
			t.Errorf("%v, want an error that names the record", err)
		}
		if err := first.records.Delete(t.Context(), key, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkLoad measures how long a start takes with 100,000 players, and what one
// of them costs.
func BenchmarkLoad(b *testing.B) {
	const players = 100_000
	s := newStore(b, store.Config{Dir: b.TempDir()})
	r, err := Open(b.Context(), s, Config{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	full := filled(players)
	for player := range full.numbers {
		rec := full.record(player)
		rec.Sequence = 1
		if err := put(b.Context(), r.records, owner{queue, player}.key(), &rec, 0); err != nil {
			b.Fatal(err)
		}
	}
	full = nil
	for b.Loop() {
		before := heap()
		r, err := Open(b.Context(), s, Config{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/players, "B/player")
		if r.size() != players {
			b.Fatal(r.size())
		}
	}
}
