// Package random generates the choices of simulated clients.
package random

// Source is a small generator for choices that have to be cheap and repeatable,
// not unpredictable: splitmix64 (Steele, Lea and Flood, 2014). It is not safe for
// concurrent use; owned by its client.
type Source uint64

// New returns the source of a client, by the seed of all clients and the client's
// index.
func New(seed uint64, index int) Source {
	s := Source(seed ^ uint64(index)*0xd1342543de82ef95)
	s.Next()
	return s
}

// Next returns the next number.
func (s *Source) Next() uint32 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return uint32(z >> 32)
}

// Below returns a number in [0, n), 0 for n 0.
func (s *Source) Below(n uint32) uint32 { return uint32(uint64(s.Next()) * uint64(n) >> 32) }

// Within returns a number in [lo, hi].
func (s *Source) Within(lo, hi int32) int32 {
	span := uint64(int64(hi) - int64(lo) + 1)
	return int32(int64(lo) + int64(uint64(s.Next())*span>>32))
}
