package match

import (
	"strconv"
	"time"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/session"
)

// welcome queues what a new connection has to know, and the roster.
func (m *Match) welcome(s *session.Session, resumed bool) {
	mode, seat := &m.cfg.Match.Mode, m.seats[s.Slot()]
	w := protocol.Welcome{
		Match: m.cfg.ID, Slot: s.Slot(), Player: seat.Player,
		Resume: m.cfg.ID + "." + strconv.Itoa(int(s.Slot())) + "." + seat.Secret(&m.shared.Key),
		Tick:   uint32(m.sim.Tick()), Rate: m.info.Rate(),
		Game: m.info.Name, Version: m.info.Version,
		Mode:   protocol.WelcomeMode{Name: mode.Name, Title: mode.Title, Teams: mode.Teams, Max: mode.MaxPlayers, Options: m.options()},
		Schema: m.sim.Schema(),
		Grace:  uint32(m.cfg.Grace / time.Millisecond), Resumed: resumed, Every: 1,
		Features: s.Features(),
	}
	s.Queue(func(dst []byte) []byte { return protocol.AppendWelcome(dst, &w) })
	s.QueueFrame(m.wholeRoster())
}

// wholeRoster is the frame that tells of all seats. It is made once for all who
// come in before the next news: these tell the others of what it lacks.
func (m *Match) wholeRoster() []byte {
	if m.roster == nil {
		var entries []protocol.RosterEntry
		for _, s := range m.seats {
			if e, ok := m.rosterEntry(s); ok {
				entries = append(entries, e)
			}
		}
		m.roster = ws.Frame(protocol.AppendRoster(make([]byte, ws.FrameRoom), &protocol.Roster{Entries: entries}))
	}
	return m.roster
}

// options are the match's own and, behind them, those of its mode that they do
// not replace.
func (m *Match) options() []game.Option {
	out := append([]game.Option(nil), m.cfg.Match.Options...)
	for _, o := range m.cfg.Match.Mode.Options {
		if (game.MatchConfig{Options: out}).Option(o.Name, -1<<31) == -1<<31 {
			out = append(out, o)
		}
	}
	return out
}

func (m *Match) rosterEntry(s *session.Seat) (protocol.RosterEntry, bool) {
	e := protocol.RosterEntry{Slot: s.Slot(), Name: s.Name, Team: m.teamOf(s.Slot())}
	taken, bot := m.sim.Taken(s.Slot())
	switch {
	case bot:
		e.Name, e.Flags = botName(s.Slot()), protocol.RosterBot|protocol.RosterConnected
	case s.State == session.Connected:
		e.Flags = protocol.RosterConnected
	}
	return e, taken
}

// announce tells everyone, with the next snapshot, what became of a seat.
func (m *Match) announce(s *session.Seat, flags protocol.RosterFlags) {
	m.broadcastRoster(protocol.RosterEntry{Slot: s.Slot(), Name: s.Name, Flags: flags, Team: m.teamOf(s.Slot())})
}

func (m *Match) announceBot(p game.Slot, flags protocol.RosterFlags) {
	m.broadcastRoster(protocol.RosterEntry{Slot: p, Name: botName(p), Flags: flags, Team: m.teamOf(p)})
}

func (m *Match) broadcastRoster(e protocol.RosterEntry) { m.news = append(m.news, e) }

// tellNews queues what became of seats since the last time, in one message: when
// many come into a big match at once, everybody is told of everybody.
func (m *Match) tellNews() {
	m.roster = nil
	if len(m.news) == 0 {
		return
	}
	b := m.own.bench
	b.frame = protocol.AppendRoster(append(b.frame[:0], make([]byte, ws.FrameRoom)...), &protocol.Roster{Entries: m.news})
	frame := ws.Frame(b.frame)
	for _, s := range m.online {
		s.QueueFrame(frame)
	}
	m.news = m.news[:0]
}

func (m *Match) command(s *session.Session, c protocol.Command) {
	reply, ok := m.sim.Command(s.Slot(), c.Name, c.Args)
	// Refused commands are logged too: refusing may have changed state.
	m.record.Command(s.Slot(), c.Name, c.Args)
	answer := protocol.Reply{ID: c.ID, OK: ok, Words: reply}
	if !ok {
		answer.Reason = protocol.ReasonRefused
	}
	s.Reply(answer)
}

func (m *Match) chat(from *session.Session, said session.Chat) {
	m.tellNews() // who speaks is known first
	b := m.own.bench
	b.frame = protocol.AppendChat(append(b.frame[:0], make([]byte, ws.FrameRoom)...), &protocol.Chat{Slot: from.Slot(), Text: said.Text})
	frame := ws.Frame(b.frame)
	if m.chatLog == nil {
		m.chatLog = session.NewChatLog(m.shared.Now)
	}
	if !m.chatLog.Add(frame, m.shared.Now) {
		from.RefuseChat(said.ID, protocol.ReasonBusy)
		return
	}
	for _, s := range m.online {
		s.QueueChat(frame)
	}
	if from.Features().Has(protocol.FeatureReply) {
		from.Reply(protocol.Reply{ID: said.ID, OK: true})
	}
}

func (m *Match) notify(code protocol.CloseCode, text string) {
	n := protocol.Notice{Code: code, Text: text}
	for _, s := range m.online {
		s.Queue(func(dst []byte) []byte { return protocol.AppendNotice(dst, &n) })
	}
}
