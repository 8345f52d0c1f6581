package protocol

// Command is a reliable message to the game.
type Command struct {
	ID   uint32 // repeated in the reply; 0: no reply wanted
	Name string
	Args []int32 // at most MaxCommandArgs
}

// Reply answers a command, or a [Say] that has an id.
type Reply struct {
	ID     uint32
	OK     bool // false: it was rejected
	Words  []int32
	Reason string // why it was rejected; only where [FeatureReply] holds
}

// AppendCommand appends a command message.
func AppendCommand(dst []byte, c *Command) []byte {
	dst = appendHead(dst, TypeCommand, 3)
	dst = AppendUint(dst, c.ID)
	dst = appendString(dst, c.Name)
	return appendWords(dst, c.Args)
}

// ParseCommand reads a command message.
func ParseCommand(b []byte) (Command, error) {
	r := open(b, TypeCommand, 3)
	c := Command{ID: r.uint32(), Name: r.text(MaxCommandName), Args: r.words()}
	if err := r.close(); err != nil {
		return Command{}, err
	}
	return c, nil
}

// AppendReply appends a reply message. An empty reason is left out.
func AppendReply(dst []byte, p *Reply) []byte {
	elements := 3
	if p.Reason != "" {
		elements = 4
	}
	dst = appendHead(dst, TypeReply, elements)
	dst = AppendUint(dst, p.ID)
	dst = appendBool(dst, p.OK)
	dst = appendWords(dst, p.Words)
	if p.Reason != "" {
		dst = appendString(dst, p.Reason)
	}
	return dst
}

// ParseReply reads a reply message.
func ParseReply(b []byte) (Reply, error) {
	r := open(b, TypeReply, 3)
	p := Reply{ID: r.uint32(), OK: r.bool(), Words: r.words()}
	if r.optional() {
		p.Reason = r.text(MaxReason)
	}
	if err := r.close(); err != nil {
		return Reply{}, err
	}
	return p, nil
}

func appendWords(dst []byte, words []int32) []byte {
	dst = AppendArray(dst, len(words))
	for _, w := range words {
		dst = AppendInt(dst, w)
	}
	return dst
}

// words returns an array of at most MaxCommandArgs words, nil for an empty one.
func (r *reader) words() []int32 {
	n := r.arrayOrNil()
	if n > MaxCommandArgs {
		r.fail(ErrTooLong)
	}
	if n == 0 || r.err != nil {
		return nil
	}
	words := make([]int32, n)
	for i := range words {
		words[i] = r.int32()
	}
	return words
}
