package server

import (
	"context"
	"hash/fnv"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/banlist"
	"tactus/internal/text"
	"tactus/protocol"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/driver"
	"tactus/server/internal/fleet"
)

const (
	// banTimeout bounds how long a ban waits for the turns of matches.
	banTimeout = 5 * time.Second
	// maxSeen bounds the players of an answer to CountSeen.
	maxSeen = 10_000
)

// Bans begins the list of bans of a stream.
func (h host) Bans() fleet.BanList { return h.s.bans.join() }

// Moderate does what an operator asks for.
func (h host) Moderate(ctx context.Context, m *fleetv1.Moderate) *fleetv1.Moderated {
	return h.s.Moderate(ctx, m)
}

// Moderate does to this server's players and matches what an operator asks for. An
// action of a newer release finds nothing.
func (s *Server) Moderate(ctx context.Context, m *fleetv1.Moderate) *fleetv1.Moderated {
	switch a := m.GetAction().(type) {
	case *fleetv1.Moderate_Kick:
		return s.kick(ctx, a.Kick)
	case *fleetv1.Moderate_EndMatch:
		return s.endMatch(a.EndMatch)
	case *fleetv1.Moderate_Notice:
		return s.notice(a.Notice)
	case *fleetv1.Moderate_FindPlayer:
		return s.findPlayer(ctx, a.FindPlayer.GetPlayerId())
	case *fleetv1.Moderate_ListPlayers:
		return s.listPlayers(ctx, a.ListPlayers.GetMatchId())
	case *fleetv1.Moderate_CountSeen:
		return s.countSeen(a.CountSeen.GetAddressRange())
	case *fleetv1.Moderate_KeepLog:
		return s.keepLog(a.KeepLog)
	case *fleetv1.Moderate_ForgetPlayer:
		s.presence.forget(a.ForgetPlayer.GetPlayerId())
		s.participants.forget(a.ForgetPlayer.GetPlayerId())
		return &fleetv1.Moderated{Found: true}
	}
	return &fleetv1.Moderated{}
}

func (s *Server) kick(ctx context.Context, k *fleetv1.Kick) *fleetv1.Moderated {
	closeText := text.Text(k.GetText(), banlist.MaxCloseText)
	out := &fleetv1.Moderated{}
	for _, m := range s.matches.all() {
		for _, p := range s.occupants(ctx, m, k.GetPlayerId()) {
			if m.Remove(ctx, k.GetPlayerId(), closeText, game.LeaveKicked) {
				out.Players = append(out.Players, p)
			}
		}
	}
	out.Matches = uint32(len(out.GetPlayers()))
	out.Found = out.GetMatches() > 0
	return out
}

func (s *Server) endMatch(e *fleetv1.EndMatch) *fleetv1.Moderated {
	m := s.matches.match(e.GetMatchId())
	if m == nil {
		return &fleetv1.Moderated{}
	}
	m.EndWith(text.Text(e.GetText(), banlist.MaxCloseText))
	return &fleetv1.Moderated{Found: true, Matches: 1}
}

func (s *Server) notice(n *fleetv1.Notice) *fleetv1.Moderated {
	line := text.Text(n.GetText(), protocol.MaxChat)
	if n.GetMatchId() == "" {
		return &fleetv1.Moderated{Found: true, Matches: uint32(s.matches.notify(0, line))}
	}
	m := s.matches.match(n.GetMatchId())
	if m == nil {
		return &fleetv1.Moderated{}
	}
	m.Notify(0, line)
	return &fleetv1.Moderated{Found: true, Matches: 1}
}

func (s *Server) findPlayer(ctx context.Context, player string) *fleetv1.Moderated {
	out := &fleetv1.Moderated{}
	if v, ok := s.presence.of(player); ok {
		out.Found, out.LastSeenUnixMs, out.LastAddress = true, v.last.UnixMilli(), s.shown(v.address)
	}
	for _, m := range s.matches.all() {
		out.Players = append(out.Players, s.occupants(ctx, m, player)...)
	}
	out.Found = out.GetFound() || len(out.GetPlayers()) > 0
	return out
}

func (s *Server) listPlayers(ctx context.Context, match string) *fleetv1.Moderated {
	m := s.matches.match(match)
	if m == nil {
		return &fleetv1.Moderated{}
	}
	return &fleetv1.Moderated{Found: true, Matches: 1, Players: s.occupants(ctx, m, "")}
}

func (s *Server) countSeen(addresses string) *fleetv1.Moderated {
	r, err := banlist.ParseRange(addresses)
	if err != nil {
		return &fleetv1.Moderated{}
	}
	out := &fleetv1.Moderated{Found: true}
	for _, player := range s.presence.within(r, maxSeen) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(player))
		out.Seen = append(out.Seen, h.Sum64())
	}
	return out
}

// Refusals of KeepLog, as fleet.proto names them.
const (
	refusedNotInMatch = "not_in_match"
	refusedNoPlayer   = "no_such_player"
)

// keepLog keeps the log of a match, if the reporter and the reported player have
// played in it.
func (s *Server) keepLog(k *fleetv1.KeepLog) *fleetv1.Moderated {
	known, reporter, about := s.participants.find(k.GetMatchId(), k.GetReporterId(), game.Slot(k.GetSlot()), k.GetPlayerName())
	out := &fleetv1.Moderated{Found: known}
	switch {
	case !known:
	case !reporter:
		out.Refusal = refusedNotInMatch
	case about == nil || about.Player == k.GetReporterId():
		out.Refusal = refusedNoPlayer
	default:
		keep := time.Duration(k.GetKeepS()) * time.Second
		out.LogKept = s.logs.Keep(k.GetMatchId(), time.Now().Add(keep))
		out.Players = []*fleetv1.SeatedPlayer{{PlayerId: about.Player, PlayerName: about.Name, MatchId: k.GetMatchId(), Slot: k.GetSlot()}}
		s.log.Info("match log kept for a report", zap.String("match", k.GetMatchId()), zap.Bool("kept", out.GetLogKept()))
	}
	return out
}

// occupants lists the players of a match; with a player, that one alone.
func (s *Server) occupants(ctx context.Context, m *driver.Driver, player string) (list []*fleetv1.SeatedPlayer) {
	for _, o := range m.Occupants(ctx) {
		if player != "" && o.Player != player {
			continue
		}
		seated := &fleetv1.SeatedPlayer{
			PlayerId: o.Player, PlayerName: o.Name, MatchId: m.ID(), Slot: uint32(o.Slot), Connected: o.Connected,
			Muted: s.bans.muted(o.Player),
		}
		if v, ok := s.presence.of(o.Player); ok {
			seated.Address = s.shown(v.address)
			if !v.seated.IsZero() {
				seated.SinceUnixMs = v.seated.UnixMilli()
			}
		}
		list = append(list, seated)
	}
	return list
}

// shown is an address as operators see it.
func (s *Server) shown(a netip.Addr) string {
	if s.cfg.HideAddresses || !a.IsValid() {
		return ""
	}
	return a.String()
}

// enforce ends the seats of players that new bans keep out. It does not block.
func (s *Server) enforce(added []banlist.Ban) {
	for _, ban := range added {
		players := []string{ban.Player}
		if ban.Player == "" {
			players = s.presence.within(ban.Range, maxPresence)
		}
		for _, player := range players {
			if m := s.matches.of(player); m != nil && !ban.ChatOnly && !ban.Over(time.Now()) {
				s.remove(m, player, ban)
			}
		}
	}
}

// remove ends a banned player's seat. It does not block.
func (s *Server) remove(m *driver.Driver, player string, ban banlist.Ban) {
	s.banning.Go(func() {
		ctx, cancel := context.WithTimeout(s.matches.ctx, banTimeout)
		defer cancel()
		if m.Remove(ctx, player, ban.CloseText(), game.LeaveBanned) {
			s.log.Info("banned player removed", zap.String("player", player), zap.String("match", m.ID()), zap.String("ban", ban.ID))
		}
	})
}

// addressOf is the address of a connection's other end.
func addressOf(remote string) netip.Addr {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap().WithZone("")
}
