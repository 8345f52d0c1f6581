package moderation

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"tactus/internal/audit"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Server is a game server in this process.
type Server interface {
	ID() string
	Moderate(ctx context.Context, m *fleetv1.Moderate) *fleetv1.Moderated
	Drain(deadline time.Duration)
	MatchMessages() []*fleetv1.MatchStatus
}

// defaultDrain is the deadline of a drain that names none.
const defaultDrain = 10 * time.Minute

// NewServerHandler serves the part of admin.v1 that concerns one game server, without a
// matchmaker. The rest fails with [failure.UnknownMethod].
func NewServerHandler(s Server, log *audit.Log, logger *zap.Logger) http.Handler {
	return NewHandler(New(Config{Ready: func() error { return nil }, Fleet: local{s}, Audit: log}), logger)
}

// whole returns the failure of what only a matchmaker can do.
func (s *Service) whole() error {
	if err := s.cfg.Ready(); err != nil {
		return err
	}
	if s.parts.Bans == nil {
		return failure.Newf(failure.UnknownMethod, "a game server can't do this; ask the admin port of a matchmaker")
	}
	return nil
}

// local is a fleet of one game server.
type local struct{ s Server }

func (l local) Moderate(ctx context.Context, _ string, m *fleetv1.Moderate) (*fleetv1.Moderated, error) {
	return l.s.Moderate(ctx, m), nil
}

func (l local) ModerateAll(ctx context.Context, m *fleetv1.Moderate) ([]fleet.Moderation, []string) {
	return []fleet.Moderation{{Server: l.s.ID(), Answer: l.s.Moderate(ctx, m)}}, nil
}

func (l local) Drain(server string, deadline time.Duration, _ string) bool {
	if server != l.s.ID() {
		return false
	}
	if deadline == 0 {
		deadline = defaultDrain
	}
	l.s.Drain(deadline)
	return true
}

func (l local) Match(id string) (fleet.MatchInfo, bool) {
	list, _ := l.Matches(maxMatches)
	for _, m := range list {
		if m.ID == id {
			return m, true
		}
	}
	return fleet.MatchInfo{}, false
}

func (l local) Matches(most int) (list []fleet.MatchInfo, total int) {
	all := l.s.MatchMessages()
	for _, m := range all[:min(most, len(all))] {
		list = append(list, fleet.MatchInfo{
			ID: m.GetMatchId(), Server: l.s.ID(), Game: m.GetGame(), Mode: m.GetMode(), Queue: m.GetQueue(),
			Players: int(m.GetPeople()), Seats: int(m.GetSeats()), Private: m.GetPrivate(), AgeS: m.GetAgeS(),
		})
	}
	return list, len(all)
}
