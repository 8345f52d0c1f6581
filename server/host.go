package server

import (
	"context"
	"crypto/ed25519"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/protocol"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
	"tactus/server/internal/overload"
)

// host is the server as its matchmakers see it.
type host struct{ s *Server }

const (
	defaultHold  = 15 * time.Second
	maxHold      = 5 * time.Minute
	maxOptions   = 16
	defaultDrain = 10 * time.Minute
)

// Register tells what the server is and what already runs on it.
func (h host) Register() *fleetv1.Register {
	s := h.s
	r := &fleetv1.Register{
		ServerId: s.cfg.ID, PublicUrl: s.cfg.PublicURL, Region: s.cfg.Region, Draining: s.draining.Load(),
		MaxMatches: uint32(s.cfg.MaxMatches), MaxPlayers: uint32(s.cfg.MaxPlayers),
	}
	for _, g := range s.order {
		r.Games = append(r.Games, describe(g.Info()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sent)
	for id, m := range s.matches {
		st := m.Status()
		s.sent[id] = st
		r.Matches = append(r.Matches, statusMessage(st))
	}
	return r
}

func describe(info game.Info) *matchmakerv1.GameInfo {
	g := &matchmakerv1.GameInfo{Name: info.Name, Title: info.Title, Version: info.Version}
	for _, m := range info.Modes {
		g.Modes = append(g.Modes, &matchmakerv1.ModeInfo{
			Name: m.Name, Title: m.Title, Teams: uint32(m.Teams),
			MinPlayers: uint32(max(m.MinPlayers, 1)), MaxPlayers: uint32(m.MaxPlayers),
		})
	}
	return g
}

func statusMessage(st *match.Status) *fleetv1.MatchStatus {
	return &fleetv1.MatchStatus{
		MatchId: st.ID, Game: st.Game, Mode: st.Mode, People: uint32(st.People), Seats: uint32(st.Seats),
		Open: st.Open, Private: st.Private,
		AgeS: uint32(time.Since(st.Started) / time.Second), RemainingS: uint32(st.Remaining / time.Second),
	}
}

// Load tells how busy the server is and which matches changed.
func (h host) Load() *fleetv1.Load {
	s := h.s
	load := &fleetv1.Load{Cpu: s.cpu.share(), Draining: s.draining.Load()}
	s.mu.Lock()
	defer s.mu.Unlock()
	load.Matches = uint32(len(s.matches))
	for id, m := range s.matches {
		st := m.Status()
		load.Players += uint32(st.People)
		if s.sent[id] != st {
			s.sent[id] = st
			load.Changed = append(load.Changed, statusMessage(st))
		}
	}
	s.metrics.Players.Set(float64(load.Players))
	return load
}

// TokenKey takes the key of a matchmaker; those of others stay good.
func (h host) TokenKey(matchmakerID string, key ed25519.PublicKey) {
	s := h.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[matchmakerID] = key
	keys := make([]ed25519.PublicKey, 0, len(s.keys))
	for _, k := range s.keys {
		keys = append(keys, k)
	}
	s.tokens.Replace(keys...)
}

// Drain starts a drain.
func (h host) Drain(d *fleetv1.Drain) {
	deadline := time.Duration(d.GetDeadlineMs()) * time.Millisecond
	if deadline == 0 {
		deadline = defaultDrain
	}
	h.s.Drain(deadline)
}

// Release takes unclaimed seats back.
func (h host) Release(r *fleetv1.Release) {
	if m := h.s.match(r.GetMatchId()); m != nil {
		m.Release(r.GetReservations())
	}
}

// refusal is a reason of a ReserveResult.
type refusal string

func (r refusal) Error() string { return string(r) }

// Reserve holds seats, opening the match first where that is asked.
func (h host) Reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
	slots, m, err := h.s.reserve(ctx, r)
	out := &fleetv1.ReserveResult{RequestId: r.GetRequestId(), Ok: err == nil}
	if err != nil {
		out.Reason = err.Error()
		h.s.log.Info("reservation refused", zap.String("match", r.GetMatchId()), zap.Error(err))
		return out
	}
	for _, slot := range slots {
		out.Slots = append(out.Slots, uint32(slot))
	}
	out.Match = statusMessage(m.Status())
	return out
}

func (s *Server) reserve(ctx context.Context, r *fleetv1.Reserve) ([]game.Slot, *match.Match, error) {
	if s.draining.Load() {
		return nil, nil, refusal("draining")
	}
	m := s.match(r.GetMatchId())
	opened := false
	if m == nil {
		if !r.GetCreate() {
			return nil, nil, refusal("no_match")
		}
		var err error
		if m, err = s.open(r); err != nil {
			return nil, nil, err
		}
		opened = true
	}
	hold := time.Duration(r.GetHoldMs()) * time.Millisecond
	if hold <= 0 || hold > maxHold {
		hold = defaultHold
	}
	if opened && len(r.GetSeats()) == 0 {
		m.Await(int64(hold))
	}
	requests := make([]match.Request, 0, len(r.GetSeats()))
	for _, seat := range r.GetSeats() {
		requests = append(requests, match.Request{
			Player: seat.GetPlayerId(), Name: protocol.CleanName(seat.GetPlayerName()),
			Team: seat.GetTeam(), Reservation: seat.GetReservation(),
		})
	}
	slots, err := m.Reserve(ctx, requests, int64(hold))
	if err != nil {
		if opened {
			m.Stop(match.EndEmpty) // nobody else knows of it
		}
		return nil, nil, err
	}
	return slots, m, nil
}

// open starts a match, or returns it where another request opened it meanwhile.
func (s *Server) open(r *fleetv1.Reserve) (*match.Match, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if m := s.match(r.GetMatchId()); m != nil {
		return m, nil
	}
	g := s.games[r.GetGame()]
	if g == nil {
		return nil, refusal("unknown_game")
	}
	mode, ok := g.Info().Mode(r.GetMode())
	if !ok {
		return nil, refusal("unknown_mode")
	}
	options, err := s.options(mode, r.GetOptions())
	if err != nil {
		return nil, err
	}
	if s.overload.Rung() >= overload.NoMatches {
		return nil, refusal("overloaded")
	}
	id := r.GetMatchId()
	if id == "" || len(id) > 64 {
		return nil, refusal("bad_match_id")
	}
	s.mu.Lock()
	full, people := len(s.matches) >= s.cfg.MaxMatches, 0
	for _, m := range s.matches {
		people += m.Status().People
	}
	s.mu.Unlock()
	if full || people+len(r.GetSeats()) > s.cfg.MaxPlayers {
		return nil, refusal("full")
	}
	cfg := game.MatchConfig{Mode: mode, Seed: randomSeed(), Options: options}
	m, err := s.newMatch(id, g, cfg, r.GetPrivate())
	if err != nil {
		return nil, err
	}
	s.start(m)
	return m, nil
}

// start runs a match. In a server that was stopped meanwhile it ends at once.
func (s *Server) start(m *match.Match) {
	s.mu.Lock()
	s.matches[m.ID()] = m
	s.running.Add(1)
	s.mu.Unlock()
	s.metrics.Matches.Inc()
	go func() {
		defer s.running.Done()
		m.Run(s.matchCtx)
	}()
}

func (s *Server) newMatch(id string, g game.Game, cfg game.MatchConfig, private bool) (*match.Match, error) {
	info := g.Info()
	log := s.log.With(zap.String("match", id), zap.String("game", info.Name), zap.String("mode", cfg.Mode.Name))
	hashEvery := 0
	if s.cfg.StateHash {
		hashEvery = info.Rate()
	}
	var m *match.Match
	var err error
	m, err = match.New(match.Config{
		ID: id, Game: g, Match: cfg, Private: private,
		Grace: s.cfg.Grace, Linger: s.cfg.Linger, Empty: s.cfg.Empty, HashEvery: hashEvery,
		Clock: match.SystemClock(), Process: &s.overload, Metrics: s.metrics, Log: log,
		Record: func(sim *game.Simulation) match.Recorder {
			return s.logs.Create(matchlog.Header{
				Match: id, Game: info.Name, Version: info.Version, Mode: cfg.Mode.Name, Seed: cfg.Seed,
				Options: cfg.Options, Rate: info.Rate(), Schema: sim.Schema().Hash(), Started: time.Now(), Product: s.cfg.Product,
			})
		},
		OnStatus: s.fleet.Notify,
		OnSeated: func(player string) { s.seated(player, m) },
		OnEnd:    func(r match.EndReport) { s.ended(m, r) },
	})
	return m, err
}

// options checks those a match was asked to have; the server's own come last,
// so that the match's win.
func (s *Server) options(mode game.Mode, asked []*matchmakerv1.Option) ([]game.Option, error) {
	if len(asked) > maxOptions {
		return nil, refusal("too_many_options")
	}
	options := make([]game.Option, 0, len(asked)+len(s.cfg.Options))
	for _, o := range asked {
		known := false
		for _, k := range mode.Options {
			known = known || k.Name == o.GetName()
		}
		if !known {
			return nil, fmt.Errorf("%w: %q", errUnknownOption, o.GetName())
		}
		options = append(options, game.Option{Name: o.GetName(), Value: o.GetValue()})
	}
	return append(options, s.cfg.Options...), nil
}

var errUnknownOption = errors.New("unknown_option")

func randomSeed() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails since Go 1.24
	return binary.LittleEndian.Uint64(b[:])
}
