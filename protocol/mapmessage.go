package protocol

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"
)

// appendMap appends a message whose one element is a map, given as a pointer to
// a struct of plain fields with msgpack tags.
func appendMap(dst []byte, t MessageType, m any) []byte {
	out := bytes.NewBuffer(appendHead(dst, t, 1))
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(out)
	enc.UseCompactInts(true)
	if err := enc.Encode(m); err != nil {
		// A buffer takes everything and the structs hold only numbers, strings
		// and lists of them, so this is a mistake in this package.
		panic("protocol: " + err.Error())
	}
	return out.Bytes()
}
