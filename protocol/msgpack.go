package protocol

import "encoding/binary"

// First bytes of MessagePack values
// (https://github.com/msgpack/msgpack/blob/master/spec.md).
const (
	codeFixMap   = 0x80
	codeFixArray = 0x90
	codeFixStr   = 0xa0
	codeNil      = 0xc0
	codeFalse    = 0xc2
	codeTrue     = 0xc3
	codeBin8     = 0xc4
	codeExt8     = 0xc7
	codeFloat32  = 0xca
	codeUint8    = 0xcc
	codeUint16   = 0xcd
	codeUint32   = 0xce
	codeUint64   = 0xcf
	codeInt8     = 0xd0
	codeInt16    = 0xd1
	codeInt32    = 0xd2
	codeInt64    = 0xd3
	codeFixExt1  = 0xd4
	codeStr8     = 0xd9
	codeStr16    = 0xda
	codeStr32    = 0xdb
	codeArray16  = 0xdc
	codeArray32  = 0xdd
	codeMap16    = 0xde
	codeMap32    = 0xdf
	codeNegative = 0xe0
)

// AppendInt appends an integer in its shortest form.
func AppendInt(dst []byte, v int32) []byte {
	switch {
	case v >= -32 && v <= 127:
		return append(dst, byte(v))
	case v > 0:
		return AppendUint(dst, uint32(v))
	case v >= -1<<7:
		return append(dst, codeInt8, byte(v))
	case v >= -1<<15:
		return append(dst, codeInt16, byte(v>>8), byte(v))
	default:
		return append(dst, codeInt32, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
}

// AppendUint appends an unsigned integer in its shortest form.
func AppendUint(dst []byte, v uint32) []byte {
	switch {
	case v < 1<<7:
		return append(dst, byte(v))
	case v < 1<<8:
		return append(dst, codeUint8, byte(v))
	case v < 1<<16:
		return append(dst, codeUint16, byte(v>>8), byte(v))
	default:
		return append(dst, codeUint32, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
}

// AppendNil appends nil, which stands for an empty section.
func AppendNil(dst []byte) []byte { return append(dst, codeNil) }

// AppendArray appends the head of an array of n elements, in its shortest form.
func AppendArray(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, codeFixArray|byte(n))
	case n < 1<<16:
		return append(dst, codeArray16, byte(n>>8), byte(n))
	default:
		return append(dst, codeArray32, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

func appendString(dst []byte, s string) []byte {
	n := len(s)
	switch {
	case n < 1<<5:
		dst = append(dst, codeFixStr|byte(n))
	case n < 1<<8:
		dst = append(dst, codeStr8, byte(n))
	case n < 1<<16:
		dst = append(dst, codeStr16, byte(n>>8), byte(n))
	default:
		dst = append(dst, codeStr32, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, s...)
}

// appendHead appends the head of a message with the given number of elements
// after its type.
func appendHead(dst []byte, t MessageType, elements int) []byte {
	return append(AppendArray(dst, 1+elements), byte(t))
}

// reader takes values off the front of a message. Its first error sticks: from
// then on everything it returns is zero and there is nothing left to read, so
// that callers check once, at the end.
type reader struct {
	b []byte
	// extra counts the elements at the message's end that this version does not know.
	extra int
	err   error
}

// open starts to read a message that must be of type t and have at least so
// many elements after the type.
func open(b []byte, t MessageType, elements int) reader {
	r := reader{b: b}
	n := r.array()
	if n < 1 {
		r.fail(ErrMalformed)
	}
	if got := r.int(0, 255); r.err == nil && MessageType(got) != t {
		r.fail(ErrType)
	}
	if n < 1+elements {
		r.fail(ErrMalformed)
	}
	r.extra = n - 1 - elements
	return r
}

// optional reports whether the message has one more element than open asked
// for, which the caller then reads.
func (r *reader) optional() bool {
	if r.err != nil || r.extra == 0 {
		return false
	}
	r.extra--
	return true
}

// close skips the elements that were not read and checks that the message ends
// there.
func (r *reader) close() error {
	r.skip(r.extra)
	if r.err == nil && len(r.b) != 0 {
		r.fail(ErrMalformed)
	}
	return r.err
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// take returns the next n bytes, or nil when they are not there.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail(ErrMalformed)
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// code returns the first byte of the next value.
func (r *reader) code() byte {
	if len(r.b) == 0 {
		r.fail(ErrMalformed)
		return codeNil
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// size returns the big-endian number in the next n bytes (1, 2 or 4).
func (r *reader) size(n int) int {
	var v uint32
	for _, c := range r.take(n) {
		v = v<<8 | uint32(c)
	}
	return int(v)
}

// int returns an integer of any width, which must lie between lo and hi.
func (r *reader) int(lo, hi int64) int64 {
	v, n := decodeInt(r.b)
	if n <= 0 {
		r.fail(intError(n))
		return 0
	}
	r.b = r.b[n:]
	if v < lo || v > hi {
		r.fail(ErrRange)
		return 0
	}
	return v
}

func (r *reader) uint32() uint32 { return uint32(r.int(0, 1<<32-1)) }

func (r *reader) int32() int32 { return int32(r.int(-1<<31, 1<<31-1)) }

// decodeInt reads an integer of any width from the front of b. The second
// result is its length in bytes, 0 for something that is not an integer or is
// cut short, -1 for one above the range of int64.
func decodeInt(b []byte) (int64, int) {
	if len(b) == 0 {
		return 0, 0
	}
	c := b[0]
	if c < codeFixMap || c >= codeNegative {
		return int64(int8(c)), 1
	}
	n := int(intSize[c])
	if n == 0 || n > len(b) {
		return 0, 0
	}
	switch c {
	case codeUint8:
		return int64(b[1]), n
	case codeUint16:
		return int64(binary.BigEndian.Uint16(b[1:])), n
	case codeUint32:
		return int64(binary.BigEndian.Uint32(b[1:])), n
	case codeInt8:
		return int64(int8(b[1])), n
	case codeInt16:
		return int64(int16(binary.BigEndian.Uint16(b[1:]))), n
	case codeInt32:
		return int64(int32(binary.BigEndian.Uint32(b[1:]))), n
	}
	v := int64(binary.BigEndian.Uint64(b[1:]))
	if c == codeUint64 && v < 0 {
		return 0, -1
	}
	return v, n
}

func intError(n int) error {
	if n < 0 {
		return ErrRange
	}
	return ErrMalformed
}

// intSize is the length of an integer by its first byte, 0 where that byte does
// not begin an integer.
var intSize = makeIntSize()

func makeIntSize() (size [256]uint8) {
	for c := range size {
		if c < codeFixMap || c >= codeNegative {
			size[c] = 1
		}
	}
	for i := range 4 {
		size[codeUint8+i] = 1 + 1<<i
		size[codeInt8+i] = 1 + 1<<i
	}
	return size
}

// skipInts skips n integers and returns their bytes.
func (r *reader) skipInts(n int) []byte {
	at := 0
	for range n {
		if at >= len(r.b) || intSize[r.b[at]] == 0 {
			r.fail(ErrMalformed)
			return nil
		}
		at += int(intSize[r.b[at]])
	}
	return r.take(at)
}

func (r *reader) bool() bool {
	switch r.code() {
	case codeTrue:
		return true
	case codeFalse:
		return false
	}
	r.fail(ErrMalformed)
	return false
}

// str returns the bytes of a string of at most limit bytes; they are part of
// the message.
func (r *reader) str(limit int) []byte {
	n := 0
	switch c := r.code(); {
	case c >= codeFixStr && c < codeNil:
		n = int(c - codeFixStr)
	case c == codeStr8:
		n = r.size(1)
	case c == codeStr16:
		n = r.size(2)
	case c == codeStr32:
		n = r.size(4)
	default:
		r.fail(ErrMalformed)
	}
	if n > limit {
		r.fail(ErrTooLong)
		return nil
	}
	return r.take(n)
}

// array returns the number of elements of an array; they fit the bytes that are
// left.
func (r *reader) array() int {
	n := 0
	switch c := r.code(); {
	case c >= codeFixArray && c < codeFixStr:
		n = int(c - codeFixArray)
	case c == codeArray16:
		n = r.size(2)
	case c == codeArray32:
		n = r.size(4)
	default:
		r.fail(ErrMalformed)
	}
	return r.fits(n)
}

// arrayOrNil is array, with nil for an empty one.
func (r *reader) arrayOrNil() int {
	if len(r.b) > 0 && r.b[0] == codeNil {
		r.b = r.b[1:]
		return 0
	}
	return r.array()
}

// pairs returns the number of pairs of a map; they fit the bytes that are left.
func (r *reader) pairs() int {
	n := 0
	switch c := r.code(); {
	case c >= codeFixMap && c < codeFixArray:
		n = int(c - codeFixMap)
	case c == codeMap16:
		n = r.size(2)
	case c == codeMap32:
		n = r.size(4)
	default:
		r.fail(ErrMalformed)
	}
	return r.fits(2*r.fits(n)) / 2
}

// fits returns n when so many values can be in the bytes that are left: each
// has at least one.
func (r *reader) fits(n int) int {
	if n < 0 || n > len(r.b) {
		r.fail(ErrMalformed)
		return 0
	}
	return n
}

// skip skips n values of any kind. It does not recurse, so that nesting costs
// an attacker's bytes and nothing of ours.
func (r *reader) skip(n int) {
	for n > 0 && r.err == nil {
		n += r.skipOne() - 1
		r.fits(n)
	}
}

// skipOne skips one value without the values inside it, and returns the number
// of these.
func (r *reader) skipOne() int {
	c := r.code()
	switch {
	case c < codeFixMap || c >= codeNegative:
		return 0
	case c < codeFixArray:
		return 2 * int(c-codeFixMap)
	case c < codeFixStr:
		return int(c - codeFixArray)
	case c < codeNil:
		r.take(int(c - codeFixStr))
		return 0
	}
	switch c {
	case codeNil, codeFalse, codeTrue:
	case codeBin8, codeBin8 + 1, codeBin8 + 2:
		r.take(r.size(1 << (c - codeBin8)))
	case codeExt8, codeExt8 + 1, codeExt8 + 2:
		r.take(r.size(1<<(c-codeExt8)) + 1)
	case codeFloat32, codeFloat32 + 1:
		r.take(4 << (c - codeFloat32))
	case codeFixExt1, codeFixExt1 + 1, codeFixExt1 + 2, codeFixExt1 + 3, codeFixExt1 + 4:
		r.take(1 + 1<<(c-codeFixExt1))
	case codeStr8, codeStr16, codeStr32:
		r.take(r.size(1 << (c - codeStr8)))
	case codeArray16, codeArray32:
		return r.size(2 << (c - codeArray16))
	case codeMap16, codeMap32:
		return 2 * r.fits(r.size(2<<(c-codeMap16)))
	default:
		if intSize[c] == 0 {
			r.fail(ErrMalformed)
		} else {
			r.take(int(intSize[c]) - 1)
		}
	}
	return 0
}
