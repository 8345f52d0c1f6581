package protocol

// InputHeader is an input without its words.
type InputHeader struct {
	Seq  uint32 // grows with each input, from 1
	Tick uint32 // the tick it is for
	Lag  uint8  // how old the player's picture of others was, in 1/16 ticks
}

// AppendInput appends an input message.
func AppendInput(dst []byte, h InputHeader, words []uint32) []byte {
	dst = appendHead(dst, TypeInput, 3+len(words))
	dst = AppendUint(dst, h.Seq)
	dst = AppendUint(dst, h.Tick)
	dst = AppendUint(dst, uint32(h.Lag))
	for _, w := range words {
		dst = AppendInt(dst, int32(w))
	}
	return dst
}

// ParseInput reads an input message and fills words, which has the length of the
// game's input. After an error, words may be filled in part.
func ParseInput(b []byte, words []uint32) (InputHeader, error) {
	r := open(b, TypeInput, 3+len(words))
	h := InputHeader{Seq: r.uint32(), Tick: r.uint32(), Lag: uint8(r.int(0, MaxLag))}
	for i := range words {
		words[i] = uint32(r.int32())
	}
	if err := r.close(); err != nil {
		return InputHeader{}, err
	}
	return h, nil
}
