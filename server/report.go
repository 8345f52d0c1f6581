package server

import (
	"time"

	"tactus/game"
	"tactus/protocol"
	"tactus/protocol/rpc/feature"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/server/internal/match"
)

// report makes the messages of one stream about the server: it knows what was sent.
// It is not safe for concurrent use; owned by the stream.
type report struct {
	s   *Server
	cpu cpuMeter
	// seats is nil until Register is called.
	seats *seatFeed
	sent  map[string]*match.Status // by match id
}

// Register describes the server and its matches.
func (r *report) Register() *fleetv1.Register {
	s := r.s
	reg := &fleetv1.Register{
		ServerId: s.cfg.ID, PublicUrl: s.cfg.PublicURL, Region: s.cfg.Region, Draining: s.drain.active.Load(),
		MaxMatches: uint32(s.cfg.MaxMatches), MaxPlayers: uint32(s.cfg.MaxPlayers),
		Process: s.process, Protocol: protocol.Subprotocol, Features: feature.Known(), PublicUrlGuessed: s.guessed,
	}
	for _, g := range s.games {
		reg.Games = append(reg.Games, describe(g.info))
	}
	r.cpu.share() // from here on
	r.seats = s.matches.openFeed()
	reg.Seats = s.matches.nextChanges(r.seats)
	running := s.matches.statuses()
	for id, st := range running {
		r.sent[id] = st
		reg.Matches = append(reg.Matches, statusMessage(st))
	}
	for _, st := range s.matches.recent.list() {
		if running[st.ID] == nil {
			reg.Matches = append(reg.Matches, goneMessage(st))
		}
	}
	return reg
}

func describe(info game.Info) *matchmakerv1.GameInfo {
	g := &matchmakerv1.GameInfo{Name: info.Name, Title: info.Title, Version: info.Version}
	for _, m := range info.Modes {
		mode := &matchmakerv1.ModeInfo{
			Name: m.Name, Title: m.Title, Teams: uint32(m.Teams),
			MinPlayers: uint32(max(m.MinPlayers, 1)), MaxPlayers: uint32(m.MaxPlayers),
		}
		for _, o := range m.Options {
			mode.Options = append(mode.Options, &matchmakerv1.OptionInfo{Name: o.Name, Value: o.Value, Min: o.Min, Max: o.Max})
		}
		g.Modes = append(g.Modes, mode)
	}
	return g
}

// Load reports the load of the server, and the matches that changed or ended.
func (r *report) Load() *fleetv1.Load {
	s := r.s
	load := &fleetv1.Load{Cpu: r.cpu.share(), Draining: s.drain.active.Load()}
	running := s.matches.statuses()
	load.Matches = uint32(len(running))
	load.Seats = s.matches.nextChanges(r.seats)
	for id, st := range running {
		load.Players += uint32(st.People)
		if r.sent[id] != st {
			r.sent[id] = st
			load.Changed = append(load.Changed, statusMessage(st))
		}
	}
	for id, st := range r.sent {
		if running[id] == nil {
			delete(r.sent, id)
			load.Changed = append(load.Changed, goneMessage(st))
		}
	}
	return load
}

// Close ends the reports.
func (r *report) Close() { r.s.matches.closeFeed(r.seats) }

// MatchMessages returns the status of every running match as matchmakers get it, in no
// order.
func (s *Server) MatchMessages() []*fleetv1.MatchStatus {
	running := s.matches.statuses()
	list := make([]*fleetv1.MatchStatus, 0, len(running))
	for _, st := range running {
		list = append(list, statusMessage(st))
	}
	return list
}

func statusMessage(st *match.Status) *fleetv1.MatchStatus {
	m := &fleetv1.MatchStatus{
		MatchId: st.ID, Game: st.Game, Mode: st.Mode, People: uint32(st.People), Seats: uint32(st.Seats),
		Open: st.Open, Private: st.Private, AgeS: uint32(time.Since(st.Started) / time.Second),
		Queue: st.Queue, RulesVersion: st.RulesVersion, Backfill: st.Backfill, Rated: st.Rated,
		Finished: st.Finished,
	}
	if st.Remaining > 0 { // 0 means unknown
		m.RemainingS = uint32(max(1, (st.Remaining-time.Since(st.At))/time.Second))
	}
	for _, t := range st.Teams {
		m.Teams = append(m.Teams, &fleetv1.TeamStatus{People: uint32(t.People), Seats: uint32(t.Seats), Skill: t.Skill})
	}
	return m
}

// goneMessage is the status of a match that has ended: it has no seats. The result is
// sent separately, to one matchmaker only.
func goneMessage(st *match.Status) *fleetv1.MatchStatus {
	return &fleetv1.MatchStatus{MatchId: st.ID, Game: st.Game, Mode: st.Mode, Queue: st.Queue, RulesVersion: st.RulesVersion}
}

// endedMessage is the result of a match.
func endedMessage(st *match.Status, r *match.EndReport, now time.Time) *fleetv1.MatchEnded {
	m := &fleetv1.MatchEnded{
		MatchId: r.ID, Reason: r.Reason, Game: st.Game, Mode: st.Mode, Queue: st.Queue, RulesVersion: st.RulesVersion,
		EndedUnixMs: now.UnixMilli(), DurationS: uint32(now.Sub(st.Started) / time.Second),
	}
	for _, p := range r.Results {
		m.Results = append(m.Results, resultMessage(&p))
	}
	for _, l := range r.Leavers {
		p := resultMessage(&l.PlayerResult)
		p.Left, p.LeftTick = fleetv1.Left(l.Left), uint32(l.Tick)
		m.Leavers = append(m.Leavers, p)
	}
	return m
}

func resultMessage(p *match.PlayerResult) *fleetv1.PlayerResult {
	return &fleetv1.PlayerResult{
		PlayerId: p.Player, PlayerName: p.Name, Team: p.Team, Score: p.Score, Rank: p.Rank, Seal: p.Seal,
	}
}
