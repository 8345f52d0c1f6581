package protocol

import (
	"encoding/binary"

	"tactus/game"
)

// BlockAbsolute is added to the table's index at the head of a block that holds
// values instead of differences, even in a snapshot with [FlagDiff].
const BlockAbsolute = 32

// A head is unambiguous as long as no table's index reaches the bit.
var _ [BlockAbsolute - game.MaxTables]struct{}

// Section is a run of MessagePack integers within a message: the elements of
// one array. Data is part of the message it was parsed from.
type Section struct {
	Count int // integers
	Data  []byte
}

// BeginSection appends room for the head of an array of yet unknown length.
// Remember len(dst) from before the call, append the elements, and call
// [EndSection].
func BeginSection(dst []byte) []byte { return append(dst, codeArray16, 0, 0) }

// EndSection completes the array that began at start, now that it has count
// elements. It shortens the head where that is cheap: nil for no elements, one byte
// for up to 15. Only a section of more than 65,535 elements is moved as a whole.
// EndSection allocates only when such a section fills dst to the brim.
func EndSection(dst []byte, start, count int) []byte {
	const reserved = 3
	switch {
	case count == 0:
		dst[start] = codeNil
		return dst[:start+1]
	case count < 16:
		dst[start] = codeFixArray | byte(count)
		n := copy(dst[start+1:], dst[start+reserved:])
		return dst[:start+1+n]
	case count < 1<<16:
		binary.BigEndian.PutUint16(dst[start+1:], uint16(count))
		return dst
	}
	dst = append(dst, 0, 0)
	copy(dst[start+reserved+2:], dst[start+reserved:len(dst)-2])
	dst[start] = codeArray32
	binary.BigEndian.PutUint32(dst[start+1:], uint32(count))
	return dst
}

// Reader starts to read the section's integers.
func (s Section) Reader() SectionReader { return SectionReader{data: s.Data, left: s.Count} }

// SectionReader reads 32-bit integers one after the other. Its first error
// sticks: from then on it returns zeros and has nothing left.
type SectionReader struct {
	data []byte
	left int
	err  error
}

// Left is the number of integers not read yet.
func (r *SectionReader) Left() int { return r.left }

// Err is why reading failed, nil when it did not.
func (r *SectionReader) Err() error { return r.err }

func (r *SectionReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.data, r.left = nil, 0
}

// Int returns the next word. Words are 32 bits: from -2^31 to 2^32-1, of which
// those above 2^31-1 come out negative.
func (r *SectionReader) Int() int32 {
	if r.left > 0 && len(r.data) > 0 && int8(r.data[0]) >= -32 {
		v := int8(r.data[0])
		r.data = r.data[1:]
		r.left--
		return int32(v)
	}
	return r.wide()
}

func (r *SectionReader) wide() int32 {
	if r.left == 0 {
		r.fail(ErrMalformed)
		return 0
	}
	v, n := decodeInt(r.data)
	if n <= 0 || v < -1<<31 || v > 1<<32-1 {
		r.fail(ErrRange)
		return 0
	}
	r.data = r.data[n:]
	r.left--
	return int32(v)
}

// Index returns the next integer, which must lie between 0 and limit-1.
func (r *SectionReader) Index(limit int) int {
	v := int(r.Int())
	if v < 0 || v >= limit {
		r.fail(ErrRange)
		return 0
	}
	return v
}

// Count returns the next integer as the number of things to come, each at least
// one integer long, so that it is never more than what is left.
func (r *SectionReader) Count() int {
	v := int(r.Int())
	if v < 0 || v > r.left {
		r.fail(ErrRange)
		return 0
	}
	return v
}

// Skip leaves out n integers.
func (r *SectionReader) Skip(n int) {
	for range n {
		if r.err != nil {
			return
		}
		r.Int()
	}
}
