package ranking

import (
	"context"
	"time"

	"tactus/matchmaker/internal/rating"
)

// Rating is a player's skill in a queue, in points.
type Rating struct {
	Player      string
	Name        string  // of the last match; empty without one
	Points      float64 // the estimated skill; 1500 at the start
	Uncertainty float64 // one standard deviation, in points
	Rank        int     // 1 is best; 0: unranked
	Matches     int
	Wins        int // alone at the top; a draw is none
}

// Match is a rated match of a player.
type Match struct {
	ID     string
	Mode   string
	Ended  time.Time
	Rank   int     // of the player's team among those rated; 1 is best
	Teams  int     // in free-for-all: players
	Before float64 // points
	After  float64
}

// Rating returns the player's rating, from memory. A player without matches has the
// initial one.
func (r *Ranking) Rating(queue, player string) Rating {
	initial := Rating{Player: player, Points: r.cfg.Model.Initial.Points(), Uncertainty: r.cfg.Model.Initial.Uncertainty()}
	b := r.known(queue)
	if b == nil {
		return initial
	}
	b.RLock()
	defer b.RUnlock()
	if w := b.find(player); w != nil {
		return w.rating(b.rank(player))
	}
	return initial
}

// Last returns the player's last rated match in the queue. It returns false without one.
func (r *Ranking) Last(queue, player string) (Match, bool) {
	b := r.known(queue)
	if b == nil {
		return Match{}, false
	}
	b.RLock()
	defer b.RUnlock()
	rec := b.record(player)
	return rec.Last.match(), rec.Matches > 0
}

// Leaderboard returns the ranked players of a queue from offset on, and the number of all
// ranked players. The best player has offset 0. A limit of 0 or over 100 is 100.
func (r *Ranking) Leaderboard(queue string, offset, limit int) (page []Rating, ranked int) {
	b := r.known(queue)
	if b == nil {
		return nil, 0
	}
	b.RLock()
	defer b.RUnlock()
	return b.ratings(offset, pageSize(limit)), b.ranked()
}

// Around returns the part of the leaderboard around a player; near its ends the player is
// not in the middle. It is empty for an unranked player.
func (r *Ranking) Around(queue, player string, limit int) (page []Rating, ranked int) {
	b := r.known(queue)
	if b == nil {
		return nil, 0
	}
	b.RLock()
	defer b.RUnlock()
	ranked = b.ranked()
	rank := b.rank(player)
	if rank == 0 {
		return nil, ranked
	}
	limit = pageSize(limit)
	offset := min(rank-1-limit/2, ranked-limit)
	return b.ratings(max(offset, 0), limit), ranked
}

// History returns the player's last rated matches in the queue, newest first. A limit of
// 0 or over 20 is 20. It reads the store. Results that are not archived yet are missing,
// except for the last one; see [Ranking.Last].
func (r *Ranking) History(ctx context.Context, queue, player string, limit int) ([]Match, error) {
	if limit <= 0 || limit > historySize {
		limit = historySize
	}
	stored, _, err := r.archive().matchesOf(ctx, owner{queue, player})
	if err != nil {
		return nil, err
	}
	if b := r.known(queue); b != nil {
		b.RLock()
		rec := b.record(player)
		b.RUnlock()
		if rec.Matches > 0 {
			stored = appendMatches(stored, rec.Last)
		}
	}
	matches := make([]Match, 0, limit)
	for i := len(stored) - 1; i >= 0 && len(matches) < limit; i-- {
		matches = append(matches, stored[i].match())
	}
	return matches, nil
}

func pageSize(limit int) int {
	if limit <= 0 || limit > maxPage {
		return maxPage
	}
	return limit
}

func (b *queueBoard) ratings(offset, limit int) []Rating {
	rows := b.page(offset, limit)
	page := make([]Rating, len(rows))
	for i, w := range rows {
		page[i] = w.rating(offset + i + 1)
	}
	return page
}

func (w *row) rating(rank int) Rating {
	return Rating{
		Player: w.player, Name: w.name, Points: w.skill.Points(), Uncertainty: w.skill.Uncertainty(),
		Rank: rank, Matches: int(w.matches), Wins: int(w.wins),
	}
}

func (p played) match() Match {
	return Match{
		ID: p.Match, Mode: p.Mode, Ended: time.UnixMilli(p.Ended), Rank: int(p.Rank), Teams: int(p.Teams),
		Before: rating.ToPoints(p.Before), After: rating.ToPoints(p.After),
	}
}
