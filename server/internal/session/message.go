package session

import (
	"errors"

	"tactus/game"
	"tactus/internal/text"
	"tactus/internal/ws"
	"tactus/protocol"
)

// Message handles a message of the client, for [ws.Receiver]. An error closes the
// connection.
func (s *Session) Message(b []byte) error {
	if s.link.left {
		return nil // messages after the player left are ignored
	}
	// The budget includes the time for which the process was suspended: the messages
	// of that time arrive at once.
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
		return s.input(b)
	case protocol.TypePing:
		return s.ping(b)
	case protocol.TypeCommand:
		return s.command(b)
	case protocol.TypeSay:
		return s.chat(b)
	case protocol.TypeBye:
		return s.link.leave(b)
	case protocol.TypeResync:
		return s.link.requestKeyframe(b)
	default:
		return &ws.CloseError{Code: protocol.CloseProtocol, Reason: "a message that clients do not send"}
	}
}

func protocolError(err error) error {
	return &ws.CloseError{Code: protocol.CloseProtocol, Reason: err.Error()}
}

// input keeps one input. A late or much too early input is only counted: the network
// causes it. Words out of range are the client's fault.
func (s *Session) input(b []byte) error {
	var room [game.MaxInputWord]uint32
	words := room[:s.shared.Input.Stride]
	h, err := protocol.ParseInput(b, words)
	if err != nil {
		return s.violation(err.Error())
	}
	if !s.shared.Input.Valid(words) {
		s.tally().inputs[inputInvalid]++
		return s.violation("inputs out of their range")
	}
	slack := int64(h.Tick) - int64(s.shared.Tick)
	claimed := h.Lag
	s.boundLag(&h, slack)
	result := s.inputs.buffer.add(s.shared.Tick, h, words)
	s.tally().countInput(result, h.Lag < claimed)
	if slack <= 0 {
		slack-- // late by one tick is -1; 0 means no input
	}
	s.progress.slack, s.progress.inputSinceSnapshot = int8(min(max(slack, -128), 127)), true
	return nil
}

// boundLag takes an input's lag only as far as it can be true.
func (s *Session) boundLag(h *protocol.InputHeader, early int64) {
	if s.inputs == nil {
		s.inputs = &inputs{}
	}
	in := s.inputs
	if s.shared.Now >= in.next {
		in.measure(s.link.conn, s.shared, &s.reliable)
	}
	in.arrived(early)
	if !s.shared.TrustLag {
		h.Lag = min(h.Lag, in.bound)
	}
}

// violation counts an invalid message. Too many of them close the connection.
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
		s.Reply(protocol.Reply{ID: c.ID, Reason: protocol.ReasonBusy})
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
	switch {
	case err == nil:
	case errors.Is(err, protocol.ErrTooLong):
		s.RefuseChat(c.ID, protocol.ReasonTooLong)
		return nil
	case errors.Is(err, protocol.ErrText):
		s.RefuseChat(c.ID, protocol.ReasonBadText)
		return nil
	default:
		return protocolError(err)
	}
	w := s.ensureRequests()
	// The limit is checked first: cleaning a text takes as long as reading a hundred inputs.
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

// chatNotices are shown by a client without [protocol.FeatureReply] when its text is
// refused.
var chatNotices = map[string]string{
	protocol.ReasonTooLong: "Your message was too long and was not sent.",
	protocol.ReasonBadText: "Your message held characters that can't be sent.",
	protocol.ReasonBusy:    "You write too fast: your message was not sent.",
	protocol.ReasonMuted:   "Your chat is off: your message was not sent.",
}

// RefuseChat reports to the player that a text was refused, and why. A client without
// [protocol.FeatureReply] gets a notice, at most one per noticeEvery.
func (s *Session) RefuseChat(id uint32, reason string) {
	if s.link.features.Has(protocol.FeatureReply) {
		s.Reply(protocol.Reply{ID: id, Reason: reason})
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

// Reply queues a reply, without its reason if the client does not support it. With id
// 0 there is no reply.
func (s *Session) Reply(p protocol.Reply) {
	if p.ID == 0 {
		return
	}
	if !s.link.features.Has(protocol.FeatureReply) {
		p.Reason = ""
	}
	s.Queue(func(dst []byte) []byte { return protocol.AppendReply(dst, &p) })
}

// grantKeyframe makes the next snapshot a keyframe. Within resyncEvery of the last one
// the request waits.
func (s *Session) grantKeyframe() {
	if s.lastKeyframe != 0 && s.shared.Now-s.lastKeyframe < int64(resyncEvery) {
		return
	}
	s.link.keyframeRequested, s.lastKeyframe = false, s.shared.Now
	s.View.Baseline = 0
	s.shared.Metrics.Resyncs.Inc()
}
