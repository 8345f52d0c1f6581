package rawtls

// Sizes of records (RFC 8446 section 5).
const (
	headerSize = 5
	// overhead is what the encryption of TLS 1.3 adds to a record's data, padding
	// excepted: the type of its content, and a tag of 16 bytes with each cipher suite.
	overhead = 1 + 16
	// major is the version of every record, its first byte.
	major = 3
	// maxPayload is the longest record without its header.
	maxPayload = 1<<14 + 256
	// Overhead is how much longer than its data a record is, in bytes.
	Overhead = headerSize + overhead
)

// cursor follows a stream of records: it is in one of which have bytes have passed.
type cursor struct {
	header [headerSize]byte
	have   int
}

// record returns the length of the current record's rest, which b begins with, how much
// data the whole record has at most, and whether b holds all of the rest. What can't be a
// record counts as a whole one: the TLS layer rejects it for its header.
func (c *cursor) record(b []byte) (rest, data int, whole bool) {
	header := c.header
	if c.have < headerSize && copy(header[c.have:], b) < headerSize-c.have {
		return 0, 0, false
	}
	payload := int(header[3])<<8 | int(header[4])
	if payload > maxPayload || header[1] != major {
		return len(b), 0, true
	}
	rest = headerSize + payload - c.have
	return rest, max(payload-overhead, 0), rest <= len(b)
}

// pass moves on by b.
func (c *cursor) pass(b []byte) {
	for len(b) > 0 {
		rest, _, whole := c.record(b)
		if !whole {
			if c.have < headerSize {
				copy(c.header[c.have:], b)
			}
			c.have += len(b)
			return
		}
		c.have = 0
		b = b[rest:]
	}
}
