package ranking

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/internal/text"
)

// record is the sum of the results of a player in a queue, up to and including Sequence.
// Two records with the same sequence are equal to the last bit.
type record struct {
	Name     string     `msgpack:"n,omitempty"`
	Skill    [2]float64 `msgpack:"s"` // mu and sigma
	Matches  uint32     `msgpack:"m"`
	Wins     uint32     `msgpack:"w,omitempty"`
	Sequence uint64     `msgpack:"q"`
	Last     played     `msgpack:"l"`
}

// played is a match in the history of a player.
type played struct {
	Match    string  `msgpack:"i"`
	Mode     string  `msgpack:"m,omitempty"`
	Ended    int64   `msgpack:"e"`
	Rank     uint32  `msgpack:"r"`
	Teams    uint32  `msgpack:"t"`
	Before   float64 `msgpack:"b"` // mu
	After    float64 `msgpack:"a"`
	Sequence uint64  `msgpack:"q"`
}

// add counts a result. It returns false for a result that the record has counted already.
// Results come in order.
func (r *record) add(sequence uint64, match string, m *result, c *change) bool {
	if sequence <= r.Sequence {
		return false
	}
	before := unpack(r.Skill)
	if r.Matches == 0 {
		before = unpack(c.Before)
	}
	after := before.Moved(unpack(c.Before), unpack(c.After))
	if c.Name != "" {
		r.Name = c.Name
	}
	r.Skill = pack(after)
	r.Matches++
	if c.Won {
		r.Wins++
	}
	r.Sequence = sequence
	r.Last = played{
		Match: match, Mode: m.Mode, Ended: m.Ended, Rank: c.Rank, Teams: m.Teams,
		Before: before.Mu, After: after.Mu, Sequence: sequence,
	}
	return true
}

func decodeRecord(value []byte) (record, error) {
	var r record
	if err := msgpack.Unmarshal(value, &r); err != nil {
		return record{}, err
	}
	if !unpack(r.Skill).Valid() {
		return record{}, fmt.Errorf("rating %v: out of bounds", r.Skill)
	}
	r.Name = text.Name(r.Name)
	return r, nil
}

// owner is the player and the queue of a record.
type owner struct {
	queue, player string
}

// key is unambiguous for all names.
func (o owner) key() string {
	return strconv.Itoa(len(o.queue)) + ":" + o.queue + o.player
}

func parseKey(key string) (owner, bool) {
	length, rest, found := strings.Cut(key, ":")
	n, err := strconv.Atoi(length)
	if !found || err != nil || n < 0 || n > len(rest) {
		return owner{}, false
	}
	return owner{queue: rest[:n], player: rest[n:]}, true
}
