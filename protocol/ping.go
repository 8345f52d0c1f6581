package protocol

// Ping asks for a pong.
type Ping struct {
	Time uint32 // the client's own clock in ms, wrapping
}

// Pong answers a ping.
type Pong struct {
	Time uint32 // the ping's
	Tick uint32 // last tick simulated
}

// AppendPing appends a ping message.
func AppendPing(dst []byte, p *Ping) []byte {
	return AppendUint(appendHead(dst, TypePing, 1), p.Time)
}

// ParsePing reads a ping message.
func ParsePing(b []byte) (Ping, error) {
	r := open(b, TypePing, 1)
	p := Ping{Time: r.uint32()}
	if err := r.close(); err != nil {
		return Ping{}, err
	}
	return p, nil
}

// AppendPong appends a pong message.
func AppendPong(dst []byte, p *Pong) []byte {
	dst = AppendUint(appendHead(dst, TypePong, 2), p.Time)
	return AppendUint(dst, p.Tick)
}

// ParsePong reads a pong message.
func ParsePong(b []byte) (Pong, error) {
	r := open(b, TypePong, 2)
	p := Pong{Time: r.uint32(), Tick: r.uint32()}
	if err := r.close(); err != nil {
		return Pong{}, err
	}
	return p, nil
}

// AppendBye appends a bye message: the player leaves the match for good.
func AppendBye(dst []byte) []byte { return appendHead(dst, TypeBye, 0) }

// ParseBye checks a bye message.
func ParseBye(b []byte) error { return parseEmpty(b, TypeBye) }

// AppendResync appends a resync message: the client wants a keyframe.
func AppendResync(dst []byte) []byte { return appendHead(dst, TypeResync, 0) }

// ParseResync checks a resync message.
func ParseResync(b []byte) error { return parseEmpty(b, TypeResync) }

func parseEmpty(b []byte, t MessageType) error {
	r := open(b, t, 0)
	return r.close()
}
