package matchlog

import "encoding/binary"

// Append functions for the MessagePack forms that a log uses
// (https://github.com/msgpack/msgpack/blob/master/spec.md). Numbers take their
// shortest form; checksums and states have a fixed width, so that they can be
// filled in later.

func appendArray(b []byte, n int) []byte {
	if n < 16 {
		return append(b, 0x90|byte(n))
	}
	return append(b, 0xdc, byte(n>>8), byte(n))
}

func appendMap(b []byte, n int) []byte { return append(b, 0x80|byte(n)) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

func appendUint(b []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(b, byte(v))
	case v <= 0xff:
		return append(b, 0xcc, byte(v))
	case v <= 0xffff:
		return append(b, 0xcd, byte(v>>8), byte(v))
	case v <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), v)
	}
}

func appendInt(b []byte, v int64) []byte {
	switch {
	case v >= 0:
		return appendUint(b, uint64(v))
	case v >= -32:
		return append(b, byte(v))
	case v >= -0x80:
		return append(b, 0xd0, byte(v))
	case v >= -0x8000:
		return append(b, 0xd1, byte(v>>8), byte(v))
	case v >= -0x80000000:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(v))
	}
}

// appendText cuts s at maxText bytes.
func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), maxText)]
	switch n := len(s); {
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n <= 0xff:
		b = append(b, 0xd9, byte(n))
	default:
		b = append(b, 0xda, byte(n>>8), byte(n))
	}
	return append(b, s...)
}

// appendChecksum has a fixed width.
func appendChecksum(b []byte, sum uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0xce), sum)
}

// appendStateRoom starts a byte string whose length setStateLength fills in.
func appendStateRoom(b []byte) []byte { return append(b, 0xc6, 0, 0, 0, 0) }

func setStateLength(b []byte, start int) {
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
}
