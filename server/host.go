package server

import (
	"context"
	"crypto/ed25519"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/driver"
	"tactus/server/internal/fleet"
	"tactus/server/internal/match"
	"tactus/server/internal/matchlog"
)

// host is the server as its matchmakers see it.
type host struct{ s *Server }

const defaultDrain = 10 * time.Minute

// Report begins the reports of one stream.
func (h host) Report() fleet.Report {
	return &report{s: h.s, sent: map[string]*match.Status{}}
}

// TrustKey adds a key that signs join tokens. When the last matchmaker disconnects,
// the fences are forgotten: matchmakers that connect later may have started again.
func (h host) TrustKey(key ed25519.PublicKey) (done func()) {
	drop := h.s.keys.trust(key)
	return func() {
		if drop(); !h.s.keys.connected() {
			h.s.admission.fences.forget()
		}
	}
}

// AllowOrigins applies the origins that a matchmaker announces.
func (h host) AllowOrigins(matchmakerID string, origins []string) (done func()) {
	if h.s.origins == nil {
		return func() {}
	}
	gone, err := h.s.origins.Announce(matchmakerID, origins)
	if err != nil {
		h.s.log.Warn("origins of a matchmaker not usable", zap.String("matchmaker", matchmakerID), zap.Error(err))
	}
	return gone
}

// Drain begins a drain.
func (h host) Drain(d *fleetv1.Drain) {
	deadline := time.Duration(d.GetDeadlineMs()) * time.Millisecond
	if deadline == 0 {
		deadline = defaultDrain
	}
	h.s.Drain(deadline)
}

// Release cancels unclaimed reservations.
func (h host) Release(r *fleetv1.Release) {
	if m := h.s.matches.match(r.GetMatchId()); m != nil {
		m.Release(r.GetReservations())
	}
}

// Reserve reserves seats, and opens the match first if requested.
func (h host) Reserve(ctx context.Context, r *fleetv1.Reserve) *fleetv1.ReserveResult {
	slots, m, err := h.s.admission.reserve(ctx, r)
	out := &fleetv1.ReserveResult{RequestId: r.GetRequestId(), Ok: err == nil}
	if err != nil {
		out.Reason = reasonOf(err)
		h.s.log.Info("reservation refused", zap.String("match", r.GetMatchId()), zap.String("queue", r.GetQueue()),
			zap.String("reason", out.Reason), zap.Error(err))
	}
	if m != nil {
		out.Match = statusMessage(m.Status())
	}
	for _, slot := range slots {
		out.Slots = append(out.Slots, uint32(slot))
	}
	return out
}

// Evict frees a seat of a player that has a newer one elsewhere.
func (h host) Evict(e *fleetv1.Evict) {
	if m := h.s.matches.match(e.GetMatchId()); m != nil {
		m.Evict(e.GetPlayerId(), e.GetNewerUnixMs())
	}
}

// seated records that a player took or left a seat, and reports it.
func (s *Server) seated(m *driver.Driver, c match.SeatChange) {
	s.matches.seated(m, c)
	s.fleet.Notify()
	if c.Left {
		return
	}
	if ban, banned := s.bans.find(c.Player, s.presence.tookSeat(c.Player)); banned { // since the hello
		s.remove(m, c.Player, ban)
	}
}

// newMatch makes a match for a request.
func (s *Server) newMatch(r *fleetv1.Reserve, g hosted, cfg game.MatchConfig) (*driver.Driver, error) {
	id, info := r.GetMatchId(), g.info
	hashEvery := 0
	if s.cfg.StateHash {
		hashEvery = info.Rate()
	}
	var m *driver.Driver
	var err error
	m, err = driver.New(driver.Config{
		Match: match.Config{
			ID: id, Game: g.Game, Match: cfg, Private: r.GetPrivate(),
			Queue: r.GetQueue(), RulesVersion: r.GetRulesVersion(), Backfill: r.GetBackfill(),
			Rated: r.GetRated(), Leave: leavePolicy(r.GetLeave()),
			Grace: graceOf(r.GetLeave(), s.cfg.Grace), Linger: s.cfg.Linger, Empty: s.cfg.EmptyTimeout, HashEvery: hashEvery, TrustLag: s.cfg.TrustLag,
			Muted: s.bans.muted, Metrics: s.metrics, Log: s.log,
			Record: func(sim *game.Simulation) match.Recorder {
				return s.logs.Create(matchlog.Header{
					Match: id, Game: info.Name, Version: info.Version, Mode: cfg.Mode.Name, Seed: cfg.Seed,
					Options: cfg.Options, Rate: info.Rate(), Schema: sim.Schema().Hash(), Started: time.Now(), Product: s.cfg.Product,
					Kept: !r.GetPrivate(), // players of a room can't push others' logs out
				})
			},
		},
		Scheduler: s.scheduler, Process: &s.overload, Watchdog: s.watchdog,
		OnStatus: s.fleet.Notify,
		OnSeated: func(c match.SeatChange) { s.seated(m, c) },
		OnOver:   func(r match.EndReport) { s.reportEnd(m, &r) },
		OnEnd:    func(r match.EndReport) { s.ended(m, &r) },
	})
	return m, err
}

// maxGrace bounds the time for which a queue keeps seats of lost connections.
const maxGrace = 10 * time.Minute

func leavePolicy(p *fleetv1.LeavePolicy) match.LeavePolicy {
	return match.LeavePolicy{Loss: p.GetLoss(), After: time.Duration(p.GetAfterMs()) * time.Millisecond}
}

// graceOf is how long the match keeps the seat of a lost connection: as its queue
// says, else as the server is configured.
func graceOf(p *fleetv1.LeavePolicy, configured time.Duration) time.Duration {
	if asked := time.Duration(p.GetGraceMs()) * time.Millisecond; asked > 0 {
		return min(asked, maxGrace)
	}
	return configured
}
