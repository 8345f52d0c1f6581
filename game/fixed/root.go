package fixed

import "math/bits"

// rootTable holds 8-bit square roots: entry i approximates 16*sqrt(i+64).
var rootTable = makeRootTable()

func makeRootTable() (table [192]uint8) {
	root := uint32(128)
	for i := range table {
		// The root of the middle of [i+64, i+65) in units of 1/256.
		for root < 255 && (root+1)*(root+1) <= uint32(i+64)*256+128 {
			root++
		}
		table[i] = uint8(root)
	}
	return table
}

// ISqrt returns the square root of u rounded down, exactly, for every u.
//
// It looks up 8 bits and doubles them twice by Newton's step, each with only as
// much of u as the step can use, which costs two divisions.
func ISqrt(u uint64) uint32 {
	if u == 0 {
		return 0
	}
	shift := bits.LeadingZeros64(u) &^ 1
	n := u << shift // 2^62 or more; its root has all 32 bits
	root := uint64(rootTable[n>>56-64])
	root = root<<7 + (n>>41)/root
	root = root<<15 + (n>>17)/root
	root = min(root, 1<<32-1)
	for root*root > n {
		root--
	}
	for root < 1<<32-1 && (root+1)*(root+1) <= n {
		root++
	}
	return uint32(root >> (shift / 2))
}
