package ranking

import (
	"math/rand/v2"
	"unique"

	"tactus/matchmaker/internal/rating"
)

// board holds the players of a queue in memory, and the order of those that are ranked.
// The order is a treap with the sizes of its subtrees, so finding and changing a place
// takes about 2 log2(n) steps. Nodes refer to each other by number: a player is one small
// row without an allocation.
type board struct {
	minimum uint32              // matches before a player is ranked
	learn   func(player string) // is called with each new player
	numbers map[string]int32
	rows    [][]row // chunks of rowsPerChunk; number 0 is no player
	next    int32
	root    int32
}

const rowsPerChunk = 1024

// row is a player. It is small, since there may be a million of them.
type row struct {
	player, name string
	skill        rating.Skill
	sequence     uint64
	matches      uint32
	wins         uint32

	lastMatch  string
	lastMode   unique.Handle[string]
	lastEnded  int64
	lastBefore float64
	lastRank   uint32
	lastTeams  uint32

	left, right int32
	size        int32 // of the subtree; 0: unranked
	priority    uint32
}

func newBoard(minimum uint32, learn func(player string)) *board {
	return &board{minimum: minimum, learn: learn, numbers: make(map[string]int32), next: 1}
}

func (b *board) at(n int32) *row { return &b.rows[n/rowsPerChunk][n%rowsPerChunk] }

// find returns the row of a player; nil if there is none.
func (b *board) find(player string) *row {
	if n := b.numbers[player]; n != 0 {
		return b.at(n)
	}
	return nil
}

// record returns the record of a player; the zero record if there is none.
func (b *board) record(player string) record {
	w := b.find(player)
	if w == nil {
		return record{}
	}
	return record{
		Name: w.name, Skill: pack(w.skill), Matches: w.matches, Wins: w.wins, Sequence: w.sequence,
		Last: played{
			Match: w.lastMatch, Mode: w.lastMode.Value(), Ended: w.lastEnded, Rank: w.lastRank, Teams: w.lastTeams,
			Before: w.lastBefore, After: w.skill.Mu, Sequence: w.sequence,
		},
	}
}

// put replaces the record of a player.
func (b *board) put(player string, r record) {
	n := b.numbers[player]
	if n == 0 {
		n = b.add(player)
	} else if b.at(n).size > 0 {
		b.root = b.remove(b.root, n)
	}
	w := b.at(n)
	w.name, w.skill, w.sequence, w.matches, w.wins = r.Name, unpack(r.Skill), r.Sequence, r.Matches, r.Wins
	w.lastMatch, w.lastMode, w.lastEnded = r.Last.Match, unique.Make(r.Last.Mode), r.Last.Ended
	w.lastBefore, w.lastRank, w.lastTeams = r.Last.Before, r.Last.Rank, r.Last.Teams
	if w.matches >= b.minimum {
		w.left, w.right, w.size = 0, 0, 1
		b.root = b.insert(b.root, n)
	}
}

func (b *board) add(player string) int32 {
	n := b.next
	if int(n/rowsPerChunk) == len(b.rows) {
		b.rows = append(b.rows, make([]row, rowsPerChunk))
	}
	b.next++
	w := b.at(n)
	w.player, w.priority = player, rand.Uint32()
	b.numbers[player] = n
	b.learn(player)
	return n
}

// ranked is the number of ranked players.
func (b *board) ranked() int { return b.sizeOf(b.root) }

func (b *board) sizeOf(n int32) int {
	if n == 0 {
		return 0
	}
	return int(b.at(n).size)
}

// before reports whether x has a better place than y: by conservative skill, then by ID.
func (b *board) before(x, y int32) bool {
	p, q := b.at(x), b.at(y)
	if s, t := p.skill.Conservative(), q.skill.Conservative(); s != t {
		return s > t
	}
	return p.player < q.player
}

// rank is the place of a player; 1 is best, 0: unranked.
func (b *board) rank(player string) int {
	n := b.numbers[player]
	if n == 0 || b.at(n).size == 0 {
		return 0
	}
	rank := 1
	for at := b.root; at != n; {
		if b.before(n, at) {
			at = b.at(at).left
		} else {
			rank += b.sizeOf(b.at(at).left) + 1
			at = b.at(at).right
		}
	}
	return rank + b.sizeOf(b.at(n).left)
}

// page returns at most limit players from offset on; the best has offset 0.
func (b *board) page(offset, limit int) []*row {
	limit = min(limit, b.ranked()-offset)
	if offset < 0 || limit <= 0 {
		return nil
	}
	page := make([]*row, 0, limit)
	b.walk(b.root, offset, limit, &page)
	return page
}

func (b *board) walk(n int32, skip, limit int, page *[]*row) {
	if n == 0 || len(*page) == limit {
		return
	}
	w := b.at(n)
	left := b.sizeOf(w.left)
	if skip < left {
		b.walk(w.left, skip, limit, page)
	}
	if skip <= left && len(*page) < limit {
		*page = append(*page, w)
	}
	b.walk(w.right, max(skip-left-1, 0), limit, page)
}

func (b *board) insert(root, n int32) int32 {
	if root == 0 {
		return n
	}
	r, w := b.at(root), b.at(n)
	if w.priority > r.priority {
		w.left, w.right = b.split(root, n)
		b.count(n)
		return n
	}
	if b.before(n, root) {
		r.left = b.insert(r.left, n)
	} else {
		r.right = b.insert(r.right, n)
	}
	r.size++
	return root
}

// split divides a tree into the rows before n and those after it.
func (b *board) split(root, n int32) (left, right int32) {
	if root == 0 {
		return 0, 0
	}
	r := b.at(root)
	if b.before(root, n) {
		r.right, right = b.split(r.right, n)
		left = root
	} else {
		left, r.left = b.split(r.left, n)
		right = root
	}
	b.count(root)
	return left, right
}

// remove removes n from the tree that contains it.
func (b *board) remove(root, n int32) int32 {
	r := b.at(root)
	if root == n {
		merged := b.merge(r.left, r.right)
		r.left, r.right, r.size = 0, 0, 0
		return merged
	}
	if b.before(n, root) {
		r.left = b.remove(r.left, n)
	} else {
		r.right = b.remove(r.right, n)
	}
	r.size--
	return root
}

// merge joins two trees. All rows of the left one are before those of the right one.
func (b *board) merge(left, right int32) int32 {
	if left == 0 || right == 0 {
		return left + right
	}
	l, r := b.at(left), b.at(right)
	if l.priority > r.priority {
		l.right = b.merge(l.right, right)
		b.count(left)
		return left
	}
	r.left = b.merge(left, r.left)
	b.count(right)
	return right
}

func (b *board) count(n int32) {
	w := b.at(n)
	w.size = int32(1 + b.sizeOf(w.left) + b.sizeOf(w.right))
}
