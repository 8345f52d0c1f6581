//go:build unix

package matchmaker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	// A match without people ends after the server's --empty, 10 s; a seat that
	// nobody claims is held 30 s. The rest is slack for a busy machine.
	emptyBound = 10*time.Second + 5*time.Second
	ghostBound = 30*time.Second + 6*time.Second
	claimBound = 6 * time.Second
	// A result is told and stored after this, also while NATS elects a leader.
	reportBound = 15 * time.Second
)

// watchMatches looks for matches that nobody is in, and seats that nobody has.
func (c *chaos) watchMatches(ctx context.Context) {
	empty, ghosts := make(map[string]time.Time), make(map[string]time.Time)
	for ctx.Err() == nil {
		now := time.Now()
		emptyNow, ghostsNow := make(map[string]time.Time), make(map[string]time.Time)
		for _, s := range c.servers {
			list, err := s.matches()
			if err != nil {
				continue // it is dead at the moment
			}
			for _, m := range list {
				if m.People == 0 {
					emptyNow[m.ID] = since(empty, m.ID, now)
				}
				if m.People > c.ledger.seats(m.ID) {
					ghostsNow[m.ID] = since(ghosts, m.ID, now)
					if now.Sub(ghostsNow[m.ID]) > claimBound {
						c.ledger.heldInVain(m.ID)
					}
				}
				if from, ok := emptyNow[m.ID]; ok && overdue(from, now, emptyBound) {
					c.ledger.violation("match %s of queue %q at %s has been without players for %v", m.ID, m.Queue, s.name, now.Sub(from))
				}
				if from, ok := ghostsNow[m.ID]; ok && overdue(from, now, ghostBound) {
					c.ledger.violation("match %s of queue %q at %s has had more seats taken (%d) than players for %v",
						m.ID, m.Queue, s.name, m.People, now.Sub(from))
				}
			}
		}
		empty, ghosts = emptyNow, ghostsNow
		pause(ctx, lookEvery)
	}
}

const lookEvery = 500 * time.Millisecond

func since(before map[string]time.Time, id string, now time.Time) time.Time {
	if at, ok := before[id]; ok {
		return at
	}
	return now
}

// overdue is true once for each bound that is passed.
func overdue(from, now time.Time, bound time.Duration) bool {
	age := now.Sub(from)
	return age > bound && age <= bound+2*lookEvery
}

// calm waits until nobody searches or plays.
func (c *chaos) calm() {
	done := make(chan struct{})
	go func() {
		c.playing.Wait()
		c.asking.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(expiry + 2*matchPatience):
		c.ledger.violation("players still search or play long after the last ticket's expiry")
		<-done
	}
}

// awaitIdle wants all seats free and all matches gone, for servers and in every
// replica's picture of them.
func (c *chaos) awaitIdle() {
	for _, s := range c.servers {
		c.await(40*time.Second, s.name+" is empty", func() error {
			list, err := s.matches()
			if err == nil && len(list) > 0 {
				err = fmt.Errorf("it has %v", list)
			}
			return err
		})
	}
	for _, r := range c.replicas {
		c.await(10*time.Second, r.name+" sees nobody", func() error {
			o, err := r.overview()
			for _, s := range o.Servers {
				if s.People != 0 || s.Matches != 0 {
					err = errors.Join(err, fmt.Errorf("%d people and %d matches on %s", s.People, s.Matches, s.ID))
				}
			}
			for _, q := range o.Queues {
				if q.Searching != 0 {
					err = errors.Join(err, fmt.Errorf("%d players search in %s", q.Searching, q.Name))
				}
			}
			return err
		})
	}
}

// standing is a player in a queue.
type standing struct{ queue, player string }

// expected are the matches that a player's rating must have counted, and those
// that it may: their server was killed before it could tell.
type expected struct{ must, may []string }

func (c *chaos) expectations() map[standing]*expected {
	all := make(map[standing]*expected)
	for _, p := range c.teams {
		for _, player := range p.players {
			all[standing{p.queue, player}] = &expected{}
		}
	}
	for _, f := range c.ledger.finished {
		for _, player := range f.players {
			e := all[standing{f.queue, player}]
			if e == nil || !f.rated {
				continue
			}
			if c.ledger.diedIn(f.server, f.at.Add(-time.Second), f.at.Add(reportBound)) {
				e.may = append(e.may, f.match)
			} else {
				e.must = append(e.must, f.match)
			}
		}
	}
	return all
}

// checkRatings wants every result counted once, by all replicas alike.
func (c *chaos) checkRatings() {
	replicas := make([]matchmakerv1.MatchmakerServiceClient, len(c.grpc))
	for i, address := range c.grpc {
		replicas[i] = c.connect(address)
	}
	expectations := c.expectations()
	var wg sync.WaitGroup
	for s, e := range expectations {
		wg.Go(func() { c.checkRating(replicas, s, e) })
	}
	wg.Wait()
}

func (c *chaos) checkRating(replicas []matchmakerv1.MatchmakerServiceClient, s standing, e *expected) {
	var first *matchmakerv1.Rating
	for i, r := range replicas {
		c.await(reportBound, fmt.Sprintf("%s has counted the matches of %s in %s", c.replicas[i].name, s.player, s.queue), func() error {
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			res, err := r.GetRating(ctx, &matchmakerv1.GetRatingRequest{Queue: s.queue, PlayerId: s.player})
			if err != nil {
				return err
			}
			got := res.GetRating()
			if n := int(got.GetMatches()); n < len(e.must) || n > len(e.must)+len(e.may) {
				return fmt.Errorf("%d are counted; %v must be, %v may be", n, e.must, e.may)
			}
			if first == nil {
				first = got
			}
			if got.GetMatches() != first.GetMatches() || got.GetPoints() != first.GetPoints() || got.GetUncertainty() != first.GetUncertainty() {
				return fmt.Errorf("it says %v, %s says %v", got, c.replicas[0].name, first)
			}
			return c.checkHistory(ctx, r, s, e, int(got.GetMatches()))
		})
	}
}

// checkHistory wants the matches by their ids, as far back as the history goes.
func (c *chaos) checkHistory(ctx context.Context, r matchmakerv1.MatchmakerServiceClient, s standing, e *expected, counted int) error {
	res, err := r.ListHistory(ctx, &matchmakerv1.ListHistoryRequest{Queue: s.queue, PlayerId: s.player})
	if err != nil {
		return err
	}
	var ids []string
	for _, m := range res.GetMatches() {
		if slices.Contains(ids, m.GetMatchId()) {
			return fmt.Errorf("match %s was counted twice", m.GetMatchId())
		}
		if !slices.Contains(e.must, m.GetMatchId()) && !slices.Contains(e.may, m.GetMatchId()) {
			return fmt.Errorf("match %s was counted, whose result nobody saw", m.GetMatchId())
		}
		ids = append(ids, m.GetMatchId())
	}
	const kept = 20
	if len(ids) != min(counted, kept) {
		return fmt.Errorf("%d matches are counted, the history has %d", counted, len(ids))
	}
	if counted > kept {
		return nil
	}
	for _, id := range e.must {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("match %s is not counted", id)
		}
	}
	return nil
}
