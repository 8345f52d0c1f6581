package session

import (
	"tactus/game"
	"tactus/internal/text"
	"tactus/internal/ws"
	"tactus/protocol"
)

func (s *Session) message(b []byte, t *Tally) error {
	if s.link.left {
		return nil // nothing counts behind it
	}
	// By the time that passed for the players: what they sent while the process
	// stood still comes in one piece.
	if !s.budget.allowN(messageRate(s.shared.Rate), s.shared.Now+s.shared.Suspended, 1, s.shared.Backlog) {
		return &ws.CloseError{Code: protocol.CloseProtocol, Reason: "too many messages"}
	}
	s.link.welcomeConfirmed = true
	kind, err := protocol.Type(b)
	if err != nil {
		return protocolError(err)
	}
	if kind != protocol.TypePing {
		s.activity.record(s.shared.Now, s.shared.Rate)
	}
	switch kind {
	case protocol.TypeInput:
		return s.input(b, t)
	case protocol.TypePing:
		return s.ping(b)
	case protocol.TypeCommand:
		return s.command(b)
	case protocol.TypeSay:
		return s.chat(b)
	case protocol.TypeBye:
		return s.leave(b)
	case protocol.TypeResync:
		return s.resync(b)
	default:
		return &ws.CloseError{Code: protocol.CloseProtocol, Reason: "a message that clients do not send"}
	}
}

func protocolError(err error) error {
	return &ws.CloseError{Code: protocol.CloseProtocol, Reason: err.Error()}
}

// input keeps one input. What comes late or far too early is only counted: it is
// the network's doing; words out of range are the client's.
func (s *Session) input(b []byte, t *Tally) error {
	var room [game.MaxInputWord]uint32
	words := room[:s.shared.Input.Stride]
	h, err := protocol.ParseInput(b, words)
	if err != nil {
		return s.violation(err.Error())
	}
	if !s.shared.Input.Valid(words) {
		t.inputs[inputInvalid]++
		return s.violation("inputs out of their range")
	}
	slack := int64(h.Tick) - int64(s.shared.Tick)
	if slack <= 0 {
		slack-- // late by one tick is -1: 0 says that nothing came
	}
	s.progress.slack, s.progress.inputSinceSnapshot = int8(min(max(slack, -128), 127)), true
	t.inputs[s.inputs.add(s.shared.Tick, h, words)]++
	return nil
}

// violation counts something invalid; a client that goes on with it is closed.
func (s *Session) violation(why string) error {
	if s.violations.allow(violationRate, s.shared.Now) {
		return nil
	}
	return &ws.CloseError{Code: protocol.CloseProtocol, Reason: why}
}

func (s *Session) ping(b []byte) error {
	p, err := protocol.ParsePing(b)
	if err != nil {
		return protocolError(err)
	}
	pong := protocol.Pong{Time: p.Time, Tick: uint32(s.shared.Tick)}
	s.Queue(func(dst []byte) []byte { return protocol.AppendPong(dst, &pong) })
	return nil
}

func (s *Session) command(b []byte) error {
	c, err := protocol.ParseCommand(b)
	if err != nil {
		return protocolError(err)
	}
	w := s.ensureRequests()
	if len(w.commands) == maxCommandsPerTick {
		s.Refuse(c.ID, protocol.ReasonBusy)
		if s.shared.Backlog > 0 {
			return nil
		}
		return s.violation("too many commands")
	}
	w.commands = append(w.commands, c)
	return nil
}

func (s *Session) chat(b []byte) error {
	c, err := protocol.ParseSay(b)
	switch err {
	case nil:
	case protocol.ErrTooLong:
		s.RefuseChat(c.ID, protocol.ReasonTooLong)
		return nil
	case protocol.ErrText:
		s.RefuseChat(c.ID, protocol.ReasonBadText)
		return nil
	default:
		return protocolError(err)
	}
	w := s.ensureRequests()
	// The limit comes first: to clean a text takes as long as to read a hundred inputs.
	if c.Text != "" && !w.chatBudget.allow(chatRate, s.shared.Now) {
		s.RefuseChat(c.ID, protocol.ReasonBusy)
		return nil
	}
	line := text.Text(c.Text, protocol.MaxChat)
	if line == "" {
		s.RefuseChat(c.ID, protocol.ReasonBadText)
		return nil
	}
	w.chats = append(w.chats, Chat{Text: line, ID: c.ID})
	return nil
}

// chatNotices are what a client without [protocol.FeatureReply] is shown when
// its text is refused.
var chatNotices = map[string]string{
	protocol.ReasonTooLong: "Your message was too long and was not sent.",
	protocol.ReasonBadText: "Your message held characters that can't be sent.",
	protocol.ReasonBusy:    "You write too fast: your message was not sent.",
}

// RefuseChat tells the player that a text was not passed on, and why. A client
// that can't be replied to gets a notice, one in a while.
func (s *Session) RefuseChat(id uint32, reason string) {
	if s.link.features.Has(protocol.FeatureReply) {
		s.Refuse(id, reason)
		return
	}
	w := s.ensureRequests()
	if w.lastNotice != 0 && s.shared.Now-w.lastNotice < int64(noticeEvery) {
		return
	}
	w.lastNotice = s.shared.Now
	s.Queue(func(dst []byte) []byte {
		return protocol.AppendNotice(dst, &protocol.Notice{Text: chatNotices[reason]})
	})
}

// Refuse answers a command or a text that was not accepted. id 0: no reply is
// wanted.
func (s *Session) Refuse(id uint32, reason string) { s.Reply(protocol.Reply{ID: id, Reason: reason}) }

// Reply queues an answer. The reason is left out where the client would not
// read it. id 0: no reply is wanted.
func (s *Session) Reply(p protocol.Reply) {
	if p.ID == 0 {
		return
	}
	if !s.link.features.Has(protocol.FeatureReply) {
		p.Reason = ""
	}
	s.Queue(func(dst []byte) []byte { return protocol.AppendReply(dst, &p) })
}

func (s *Session) leave(b []byte) error {
	if err := protocol.ParseBye(b); err != nil {
		return protocolError(err)
	}
	s.link.left = true
	return nil
}

func (s *Session) resync(b []byte) error {
	if err := protocol.ParseResync(b); err != nil {
		return protocolError(err)
	}
	s.link.keyframeRequested = true
	return nil
}

// grantKeyframe lets the next snapshot carry the whole state where the player asked
// for it, once in resyncEvery: another request waits until that has passed.
func (s *Session) grantKeyframe() {
	if s.lastKeyframe != 0 && s.shared.Now-s.lastKeyframe < int64(resyncEvery) {
		return
	}
	s.link.keyframeRequested, s.lastKeyframe = false, s.shared.Now
	s.View.Baseline = 0
	s.shared.Metrics.Resyncs.Inc()
}
