package protocol

import "tactus/game"

// Say is a chat message to the server.
type Say struct {
	Text string
	ID   uint32 // comes back in a [Reply] where [FeatureReply] holds; 0: no reply wanted
}

// Chat is a player's chat message to the other players.
type Chat struct {
	Slot game.Slot
	Text string
}

// Notice is a text from the server to the player.
type Notice struct {
	Code CloseCode // of the close that follows soon; 0: none
	Text string
}

// AppendSay appends a say message. An id of 0 is left out.
func AppendSay(dst []byte, s *Say) []byte {
	if s.ID == 0 {
		return appendString(appendHead(dst, TypeSay, 1), s.Text)
	}
	dst = appendString(appendHead(dst, TypeSay, 2), s.Text)
	return AppendUint(dst, s.ID)
}

// ParseSay reads a say message. After [ErrText] and [ErrTooLong] its id is
// valid: only the text is rejected.
func ParseSay(b []byte) (Say, error) {
	r := open(b, TypeSay, 1)
	text := r.str(MaxClientMessage)
	var s Say
	if r.optional() {
		s.ID = r.uint32()
	}
	if err := r.close(); err != nil {
		return Say{}, err
	}
	if len(text) > MaxChat {
		return s, ErrTooLong
	}
	if !validText(text) {
		return s, ErrText
	}
	s.Text = string(text)
	return s, nil
}

// AppendChat appends a chat message.
func AppendChat(dst []byte, c *Chat) []byte {
	dst = appendHead(dst, TypeChat, 2)
	dst = AppendUint(dst, uint32(c.Slot))
	return appendString(dst, c.Text)
}

// ParseChat reads a chat message.
func ParseChat(b []byte) (Chat, error) {
	r := open(b, TypeChat, 2)
	c := Chat{Slot: r.slot(), Text: r.text(MaxChat)}
	if err := r.close(); err != nil {
		return Chat{}, err
	}
	return c, nil
}

// AppendNotice appends a notice message.
func AppendNotice(dst []byte, n *Notice) []byte {
	dst = appendHead(dst, TypeNotice, 2)
	dst = AppendUint(dst, uint32(n.Code))
	return appendString(dst, n.Text)
}

// ParseNotice reads a notice message.
func ParseNotice(b []byte) (Notice, error) {
	r := open(b, TypeNotice, 2)
	n := Notice{Code: CloseCode(r.int(0, 1<<16-1)), Text: r.text(MaxNotice)}
	if err := r.close(); err != nil {
		return Notice{}, err
	}
	return n, nil
}

func (r *reader) slot() game.Slot { return game.Slot(r.int(0, game.MaxSlots-1)) }
