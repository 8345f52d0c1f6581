package session

import (
	"tactus/game"
	"tactus/internal/text"
	"tactus/protocol"
	"tactus/server/internal/ws"
)

func (s *Seat) message(b []byte, t *Tally) error {
	if s.bye {
		return nil // nothing counts behind it
	}
	// By the time that passed for the players: what they sent while the process
	// stood still comes in one piece.
	if !s.budget.draw(messageRate(s.shared.Rate), s.shared.Now+s.shared.Still, 1, s.shared.Backlog) {
		return &ws.CloseError{Code: protocol.CloseProtocol, Sentence: "too many messages"}
	}
	if !s.spoken {
		s.spoken, s.oldest = true, s.generation // the welcome has arrived
	}
	kind, err := protocol.Type(b)
	if err != nil {
		return protocolError(err)
	}
	if kind != protocol.TypePing {
		s.heardOne()
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
		return &ws.CloseError{Code: protocol.CloseProtocol, Sentence: "a message that clients do not send"}
	}
}

func protocolError(err error) error {
	return &ws.CloseError{Code: protocol.CloseProtocol, Sentence: err.Error()}
}

// input keeps one input. What comes late or far too early is only counted: it is
// the network's doing; words out of range are the client's.
func (s *Seat) input(b []byte, t *Tally) error {
	var room [game.MaxInputWord]uint32
	words := room[:s.shared.Input.Stride]
	h, err := protocol.ParseInput(b, words)
	if err != nil {
		return s.fault(err.Error())
	}
	if !s.shared.Input.Valid(words) {
		t.inputs[inputBad]++
		return s.fault("inputs out of their range")
	}
	slack := int64(h.Tick) - int64(s.shared.Tick)
	if slack <= 0 {
		slack-- // late by one tick is -1: 0 says that nothing came
	}
	s.slack, s.heard = int32(min(max(slack, -128), 127)), true
	t.inputs[s.inputs.put(s.shared.Tick, h, words)]++
	return nil
}

// fault counts something invalid; a client that goes on with it is closed.
func (s *Seat) fault(why string) error {
	if s.faults.take(faultRate, s.shared.Now) {
		return nil
	}
	return &ws.CloseError{Code: protocol.CloseProtocol, Sentence: why}
}

func (s *Seat) ping(b []byte) error {
	p, err := protocol.ParsePing(b)
	if err != nil {
		return protocolError(err)
	}
	pong := protocol.Pong{Time: p.Time, Tick: uint32(s.shared.Tick)}
	s.Queue(func(dst []byte) []byte { return protocol.AppendPong(dst, &pong) })
	return nil
}

func (s *Seat) command(b []byte) error {
	c, err := protocol.ParseCommand(b)
	if err != nil {
		return protocolError(err)
	}
	w := s.wishes()
	if len(w.commands) == maxCommandsPerTick {
		s.Refuse(c.ID, protocol.ReasonBusy)
		if s.shared.Backlog > 0 {
			return nil
		}
		return s.fault("too many commands")
	}
	w.commands = append(w.commands, c)
	return nil
}

func (s *Seat) chat(b []byte) error {
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
	w := s.wishes()
	// The limit comes first: to clean a text takes as long as to read a hundred inputs.
	if c.Text != "" && !w.chatting.take(chatRate, s.shared.Now) {
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
func (s *Seat) RefuseChat(id uint32, reason string) {
	if s.Features.Has(protocol.FeatureReply) {
		s.Refuse(id, reason)
		return
	}
	w := s.wishes()
	if w.noticed != 0 && s.shared.Now-w.noticed < int64(noticeEvery) {
		return
	}
	w.noticed = s.shared.Now
	s.Queue(func(dst []byte) []byte {
		return protocol.AppendNotice(dst, &protocol.Notice{Text: chatNotices[reason]})
	})
}

// Refuse answers a command or a text that was not accepted. id 0: no reply is
// wanted.
func (s *Seat) Refuse(id uint32, reason string) { s.Reply(protocol.Reply{ID: id, Reason: reason}) }

// Reply queues an answer. The reason is left out where the client would not
// read it. id 0: no reply is wanted.
func (s *Seat) Reply(p protocol.Reply) {
	if p.ID == 0 {
		return
	}
	if !s.Features.Has(protocol.FeatureReply) {
		p.Reason = ""
	}
	s.Queue(func(dst []byte) []byte { return protocol.AppendReply(dst, &p) })
}

func (s *Seat) leave(b []byte) error {
	if err := protocol.ParseBye(b); err != nil {
		return protocolError(err)
	}
	s.bye = true
	return nil
}

func (s *Seat) resync(b []byte) error {
	if err := protocol.ParseResync(b); err != nil {
		return protocolError(err)
	}
	s.resyncing = true
	return nil
}

// keyframe lets the next snapshot carry the whole state where the player asked
// for it, once in resyncEvery: another request waits until that has passed.
func (s *Seat) keyframe() {
	if s.resynced != 0 && s.shared.Now-s.resynced < int64(resyncEvery) {
		return
	}
	s.resyncing, s.resynced = false, s.shared.Now
	s.View.Baseline = 0
	s.shared.Metrics.Resyncs.Inc()
}

// Queue adds a reliable message: fill appends its payload. A player who lets
// them pile up is told apart as slow by [Seat.Overflown].
func (s *Seat) Queue(fill func(dst []byte) []byte) {
	if s.conn == nil {
		return
	}
	var room [ws.FrameRoom]byte
	start := len(s.cold)
	s.cold = fill(append(s.cold, room[:]...))
	frame := ws.Frame(s.cold[start:])
	s.cold = s.cold[:start+copy(s.cold[start:], frame)]
}

// QueueFrame adds a reliable message that is framed already: one that goes to many.
func (s *Seat) QueueFrame(frame []byte) {
	if s.conn != nil {
		s.cold = append(s.cold, frame...)
	}
}

// Overflown reports whether more reliable messages wait than a player may owe; chat
// does not count.
func (s *Seat) Overflown() bool { return len(s.cold)-int(s.chatWaiting) > maxCold }

// Waiting is the number of bytes of reliable messages that wait.
func (s *Seat) Waiting() int { return len(s.cold) }

// Frame makes a frame of a snapshot and puts what waits in front of it, all to be
// sent in one call. buf has Waiting() + ws.FrameRoom free bytes, then the
// snapshot's payload; what is to be sent is the end of it, from the index that is
// returned.
func (s *Seat) Frame(buf []byte) (from int) {
	n := len(s.cold)
	frame := ws.Frame(buf[n:])
	from = len(buf) - len(frame) - n
	copy(buf[from:], s.cold)
	return from
}

// Post adds what Frame made to a batch; Posted is to be told what became of it.
func (s *Seat) Post(b *ws.Batch, frames []byte) { b.Add(s.conn, frames) }

// Posted notes what became of a snapshot of tick. If it was not taken, the
// player's next one tells all that changed since his last.
func (s *Seat) Posted(sent ws.Sent, tick game.Tick, t *Tally) {
	if s.stuck = sent.Blocked; sent.Taken {
		s.View.Sent(tick)
		s.heard, s.told = false, s.shared.Now
		t.Snapshots++
		s.sentWaiting()
	} else {
		t.Skipped++
	}
	t.bytesOut += uint64(sent.Bytes)
}

// Flush writes what waits where no snapshot is due.
func (s *Seat) Flush(t *Tally) error {
	if len(s.cold) == 0 {
		if s.stuck {
			_, err := s.flush()
			return err
		}
		return nil
	}
	_, err := s.write(s.cold, t)
	return err
}

func (s *Seat) write(frames []byte, t *Tally) (bool, error) {
	before := s.conn.BytesOut()
	taken, err := s.conn.Write(s.shared.Now, frames)
	s.stuck = s.conn.Blocked()
	t.bytesOut += s.conn.BytesOut() - before
	if taken {
		s.sentWaiting()
	}
	return taken, err
}

func (s *Seat) sentWaiting() {
	s.cold, s.chatWaiting = s.cold[:0], 0
	if cap(s.cold) > keepCold {
		s.cold = nil // a welcome's room is not held for a silent player
	}
}

// Blocked reports whether an earlier frame still waits in the socket, so that
// encoding another would be for nothing.
func (s *Seat) Blocked() bool {
	if !s.stuck {
		return false
	}
	idle, err := s.flush()
	return err == nil && !idle
}

func (s *Seat) flush() (idle bool, err error) {
	idle, err = s.conn.Flush(s.shared.Now)
	s.stuck = s.conn.Blocked()
	return idle, err
}
