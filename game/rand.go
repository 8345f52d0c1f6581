package game

import "math/bits"

// Rand is a random generator with a state of four words, so that it can live in
// a table like all other state: xoshiro128** 1.1 (Blackman and Vigna, 2018,
// doi:10.1145/3460772), seeded by splitmix64 (Steele, Lea and Flood, 2014).
type Rand struct {
	S [4]uint32 `tactus:"server"`
}

// Seed sets the state from a seed; every seed gives a valid state.
func (r *Rand) Seed(seed uint64) {
	for i := 0; i < 4; i += 2 {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		r.S[i], r.S[i+1] = uint32(z), uint32(z>>32)
	}
	if r.S == [4]uint32{} {
		r.S[0] = 1
	}
}

// Uint32 returns 32 random bits.
func (r *Rand) Uint32() uint32 {
	out := bits.RotateLeft32(r.S[1]*5, 7) * 9
	t := r.S[1] << 9
	r.S[2] ^= r.S[0]
	r.S[3] ^= r.S[1]
	r.S[1] ^= r.S[2]
	r.S[0] ^= r.S[3]
	r.S[2] ^= t
	r.S[3] = bits.RotateLeft32(r.S[3], 11)
	return out
}

// Intn returns a number in [0, n), by Lemire's multiplication without the
// rejection step: the bias is below n/2^32. It returns 0 for n < 1.
func (r *Rand) Intn(n int32) int32 {
	if n < 1 {
		return 0
	}
	return int32(uint64(r.Uint32()) * uint64(n) >> 32)
}

// Range returns a number in [lo, hi]; lo where hi < lo.
func (r *Rand) Range(lo, hi int32) int32 {
	if hi < lo {
		return lo
	}
	return lo + int32(uint64(r.Uint32())*(uint64(int64(hi)-int64(lo))+1)>>32)
}
