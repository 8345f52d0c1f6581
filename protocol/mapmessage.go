package protocol

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"
)

// appendMap appends a message with one element, a map. It is given as a pointer
// to a struct of plain fields with msgpack tags.
func appendMap(dst []byte, t MessageType, m any) []byte {
	out := bytes.NewBuffer(appendHead(dst, t, 1))
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(out)
	enc.UseCompactInts(true)
	if err := enc.Encode(m); err != nil {
		// Writing to a buffer does not fail, and the structs hold only numbers,
		// strings and lists of them: this is a mistake in this package.
		panic("protocol: " + err.Error())
	}
	return out.Bytes()
}
