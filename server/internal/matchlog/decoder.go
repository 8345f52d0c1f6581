package matchlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"tactus/game"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readAhead is how much is asked of the source at once, in bytes, and the most
// that is allocated for a text or a state before its bytes are there.
const readAhead = 64 << 10

// maxDepth bounds the nesting of values that are skipped.
const maxDepth = 8

// errDamaged is what the decoder reports for bytes that are no log.
type errDamaged string

func (e errDamaged) Error() string { return string(e) }

// decoder reads MessagePack from a stream, bounded, and keeps the checksum of
// all it has read. After the first error it returns zero values.
type decoder struct {
	src    *bufio.Reader
	sum    uint32 // checksum of what was read before seen
	seen   []byte // read since
	offset int64
	err    error
}

func newDecoder(r io.Reader) decoder {
	return decoder{src: bufio.NewReaderSize(r, readAhead)}
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = errDamaged(why)
	}
}

func (d *decoder) failRead(err error) {
	if d.err != nil {
		return
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	d.err = err
}

// atEnd reports whether the stream ends here.
func (d *decoder) atEnd() bool {
	_, err := d.src.Peek(1)
	return errors.Is(err, io.EOF)
}

// checksum is that of all bytes read so far.
func (d *decoder) checksum() uint32 {
	d.sum = crc32.Update(d.sum, castagnoli, d.seen)
	d.seen = d.seen[:0]
	return d.sum
}

// bytes reads n bytes; they are valid until the next call.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	if len(d.seen)+n > readAhead {
		d.checksum()
	}
	start := len(d.seen)
	for range n {
		c, err := d.src.ReadByte()
		if err != nil {
			d.failRead(err)
			return nil
		}
		d.seen = append(d.seen, c)
	}
	d.offset += int64(n)
	return d.seen[start:]
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// bigEndian reads a number of n bytes.
func (d *decoder) bigEndian(n int) uint64 {
	var wide [8]byte
	copy(wide[8-n:], d.bytes(n))
	return binary.BigEndian.Uint64(wide[:])
}

// number reads any MessagePack integer; negative tells how to read the bits.
func (d *decoder) number() (bits uint64, negative bool) {
	switch c := d.byte(); {
	case c < 0x80:
		return uint64(c), false
	case c >= 0xe0:
		return uint64(int64(int8(c))), true
	case c >= 0xcc && c <= 0xcf:
		return d.bigEndian(1 << (c - 0xcc)), false
	case c >= 0xd0 && c <= 0xd3:
		size := 1 << (c - 0xd0)
		shift := 64 - 8*size
		v := int64(d.bigEndian(size)<<shift) >> shift
		return uint64(v), v < 0
	default:
		d.fail(fmt.Sprintf("%#x where a number should be", c))
		return 0, false
	}
}

func (d *decoder) uint() uint64 {
	v, negative := d.number()
	if negative {
		d.fail("a negative number where none can be")
		return 0
	}
	return v
}

func (d *decoder) uintUpTo(limit uint64) uint64 {
	v := d.uint()
	if v > limit {
		d.fail(fmt.Sprintf("number %d is over %d", v, limit))
		return 0
	}
	return v
}

func (d *decoder) int() int64 {
	v, negative := d.number()
	if !negative && v > 1<<63-1 {
		d.fail(fmt.Sprintf("number %d is too large", v))
		return 0
	}
	return int64(v)
}

func (d *decoder) int32() int32 {
	v := d.int()
	if int64(int32(v)) != v {
		d.fail(fmt.Sprintf("number %d is too large", v))
		return 0
	}
	return int32(v)
}

func (d *decoder) bool() bool {
	switch c := d.byte(); c {
	case 0xc2:
		return false
	case 0xc3:
		return true
	default:
		d.fail(fmt.Sprintf("%#x where true or false should be", c))
		return false
	}
}

// length reads the size of a value: fix is its form with the size in the low
// bits of the first byte, form8 its form with one byte of size, 0 for none.
func (d *decoder) length(fix, fixBits, form8, form16 byte, limit int) int {
	c := d.byte()
	n := 0
	switch {
	case d.err != nil:
		return 0
	case fixBits != 0 && c&^fixBits == fix:
		n = int(c & fixBits)
	case form8 != 0 && c == form8:
		n = int(d.bigEndian(1))
	case c == form16:
		n = int(d.bigEndian(2))
	case c == form16+1:
		n = int(d.bigEndian(4))
	default:
		d.fail(fmt.Sprintf("%#x where something else should be", c))
	}
	if n > limit {
		d.fail(fmt.Sprintf("%d elements or bytes, at most %d can be", n, limit))
		return 0
	}
	return n
}

func (d *decoder) text() string {
	return string(d.bytes(d.length(0xa0, 0x1f, 0xd9, 0xda, maxText)))
}

func (d *decoder) arrayLen(limit int) int { return d.length(0x90, 0x0f, 0, 0xdc, limit) }
func (d *decoder) mapLen(limit int) int   { return d.length(0x80, 0x0f, 0, 0xde, limit) }

func (d *decoder) arrayOf(want int) {
	if n := d.arrayLen(want); n != want {
		d.fail(fmt.Sprintf("array of %d, want %d", n, want))
	}
}

// state reads a byte string, growing as the bytes come, since its declared
// length cannot be trusted before they do.
func (d *decoder) state() []byte {
	n := d.length(0, 0, 0xc4, 0xc5, maxState)
	var b []byte
	for len(b) < n && d.err == nil {
		b = append(b, d.bytes(min(n-len(b), readAhead))...)
	}
	return b
}

func (d *decoder) options() []game.Option {
	n := d.arrayLen(maxOptions)
	var options []game.Option
	for i := 0; i < n && d.err == nil; i++ {
		d.arrayOf(2)
		options = append(options, game.Option{Name: d.text(), Value: d.int32()})
	}
	return options
}

// skip passes over one value of a key that this version does not know.
func (d *decoder) skip(depth int) {
	if d.err != nil {
		return
	}
	if depth > maxDepth {
		d.fail("nested too deeply")
		return
	}
	next, err := d.src.Peek(1)
	if err != nil {
		d.failRead(err)
		return
	}
	switch c := next[0]; {
	case c >= 0xa0 && c < 0xc0, c >= 0xd9 && c <= 0xdb:
		d.text()
	case c >= 0x90 && c < 0xa0, c == 0xdc, c == 0xdd:
		d.skipEach(d.arrayLen(maxRecordsPerTick), depth)
	case c >= 0x80 && c < 0x90, c == 0xde, c == 0xdf:
		d.skipEach(2*d.mapLen(maxRecordsPerTick), depth)
	case c >= 0xc4 && c <= 0xc6:
		d.state()
	case c == 0xc0, c == 0xc2, c == 0xc3:
		d.byte()
	default:
		d.number()
	}
}

func (d *decoder) skipEach(n, depth int) {
	for i := 0; i < n && d.err == nil; i++ {
		d.skip(depth + 1)
	}
}
