package match

import (
	"strconv"
	"time"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/session"
)

// welcome queues what a new connection has to know. The roster follows.
func (m *Match) welcome(s *session.Session, resumed bool) {
	mode := &m.cfg.Match.Mode
	w := protocol.Welcome{
		Match: m.cfg.ID, Slot: s.Slot(), Player: m.seating.PublicID(s.Slot()),
		Resume: m.cfg.ID + "." + strconv.Itoa(int(s.Slot())) + "." + m.seating.Secret(s.Slot()),
		Tick:   uint32(m.sim.Tick()), Rate: m.sim.Info().Rate(),
		Game: m.sim.Info().Name, Version: m.sim.Info().Version,
		Mode:   protocol.WelcomeMode{Name: mode.Name, Title: mode.Title, Teams: mode.Teams, Max: mode.MaxPlayers, Options: options(&m.cfg.Match)},
		Schema: m.sim.Schema(),
		Grace:  uint32(m.cfg.Grace / time.Millisecond), Resumed: resumed, Every: 1,
		Features: s.Features(),
	}
	s.QueueWelcome(func(dst []byte) []byte { return protocol.AppendWelcome(dst, &w) })
	m.roster.behind = true
}

// options are those of the match and, behind them, those of its mode that they do
// not replace.
func options(cfg *game.MatchConfig) []game.Option {
	out := append([]game.Option(nil), cfg.Options...)
	for _, o := range cfg.Mode.Options {
		if (game.MatchConfig{Options: out}).Option(o.Name, -1<<31) == -1<<31 {
			out = append(out, o)
		}
	}
	return out
}

// Notify sends every player a notice. Of many notices a player that reads nothing gets
// the newest.
func (m *Match) Notify(now int64, code protocol.CloseCode, text string) {
	m.request(now)
	if m.shared.Notices == nil {
		m.shared.Notices = &session.TextLog{}
	}
	n := protocol.Notice{Code: code, Text: text}
	m.shared.Notices.Add(ws.Frame(protocol.AppendNotice(make([]byte, ws.FrameRoom), &n)), now)
}
