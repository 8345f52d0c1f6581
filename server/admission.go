package server

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"tactus/game"
	"tactus/internal/text"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/server/internal/driver"
	"tactus/server/internal/match"
	"tactus/server/internal/overload"
)

const (
	defaultHold = jointoken.Life
	maxHold     = 5 * time.Minute
	maxOptions  = 16
	maxName     = 64 // bytes of a match's id, a queue's name, a version of rules
)

// refusal is an error of a reservation: a reason of fleet.proto, and a text for the
// log.
type refusal struct{ reason, why string }

func (r refusal) Error() string {
	if r.why == "" {
		return r.reason
	}
	return r.reason + ": " + r.why
}

func badRequest(why string) error { return refusal{"bad_request", why} }

// reasonOf returns the reason of fleet.proto for an error.
func reasonOf(err error) string {
	var r refusal
	switch {
	case errors.As(err, &r):
		return r.reason
	case errors.Is(err, match.ErrFull):
		return "full"
	case errors.Is(err, match.ErrOver):
		return "over"
	case errors.As(err, new(*match.PanicError)), errors.Is(err, errHangs):
		return match.EndError
	}
	// Other errors are temporary: a match could not be made for want of memory or
	// descriptors, or the stream has ended.
	return "overloaded"
}

// admission answers requests for seats: it checks them, opens matches, and reserves
// seats in them. It is safe for concurrent use.
type admission struct {
	cfg     *Config
	games   map[string]hosted
	matches *registry
	drain   *drain
	process *overload.Process
	fences  fences
	maker   maker

	opening sync.Mutex // one match is opened at a time
}

// reserve reserves seats, and opens the match first if requested. With an error it
// returns the match, too, if that existed before.
func (a *admission) reserve(ctx context.Context, r *fleetv1.Reserve) ([]game.Slot, *driver.Driver, error) {
	if err := checkReserve(r); err != nil {
		return nil, nil, err
	}
	if !a.fences.pass(r.GetQueue(), r.GetTerm()) {
		return nil, nil, refusal{"fenced", "the queue has a newer owner"}
	}
	if a.drain.active.Load() {
		return nil, nil, refusal{reason: "draining"}
	}
	m, opened, err := a.matchFor(r)
	if err != nil {
		return nil, nil, err
	}
	hold := min(time.Duration(r.GetHoldMs())*time.Millisecond, maxHold)
	if hold == 0 {
		hold = defaultHold
	}
	if opened && len(r.GetSeats()) == 0 {
		m.WaitForPlayers(int64(hold))
	}
	requests, err := a.requests(m.Status(), r)
	var slots []game.Slot
	if err == nil {
		slots, err = m.Reserve(ctx, requests, int64(hold))
	}
	if err != nil && opened {
		m.Release(nil) // ends the match unless another request has seats in it
		m = nil
	}
	return slots, m, err
}

// wait returns when no match is being opened. The server drains, so that no later
// request opens one.
func (a *admission) wait() {
	a.opening.Lock()
	a.opening.Unlock() //nolint:staticcheck // it only waits
}

func checkReserve(r *fleetv1.Reserve) error {
	switch id := r.GetMatchId(); {
	case id == "" || len(id) > maxName:
		return badRequest("match_id needs 1 to 64 bytes")
	case len(r.GetQueue()) > maxName || len(r.GetRulesVersion()) > maxName:
		return badRequest("queue and rules_version have 64 bytes at most")
	case len(r.GetSeats()) > game.MaxSlots:
		return badRequest("more seats than any match has")
	}
	for _, seat := range r.GetSeats() {
		if math.IsNaN(seat.GetSkill()) || math.IsInf(seat.GetSkill(), 0) {
			return badRequest("skill is not a number")
		}
	}
	return nil
}

// requests converts the requested seats for a match of the status.
func (a *admission) requests(st *match.Status, r *fleetv1.Reserve) ([]match.Request, error) {
	mode, _ := a.games[st.Game].info.Mode(st.Mode)
	requests, now := make([]match.Request, 0, len(r.GetSeats())), time.Now().UnixMilli()
	for _, seat := range r.GetSeats() {
		if mode.Teams > 0 && int(seat.GetTeam()) >= mode.Teams {
			return nil, badRequest("a seat in a team that the mode does not have")
		}
		requests = append(requests, match.Request{
			Player: seat.GetPlayerId(), Public: seat.GetPublicId(), Name: text.Name(seat.GetPlayerName()),
			Team: seat.GetTeam(), Reservation: seat.GetReservation(), Skill: seat.GetSkill(),
			Issued: cmp.Or(seat.GetIssuedUnixMs(), now),
			Queue:  r.GetQueue(),
		})
	}
	return requests, nil
}

// matchFor returns the match of a request. opened reports whether it was started for
// this request.
func (a *admission) matchFor(r *fleetv1.Reserve) (m *driver.Driver, opened bool, err error) {
	if m := a.matches.match(r.GetMatchId()); m != nil {
		return m, false, nil
	}
	if !r.GetCreate() {
		return nil, false, refusal{reason: "no_match"}
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if m := a.matches.match(r.GetMatchId()); m != nil {
		return m, false, nil // opened by another request
	}
	if a.drain.active.Load() { // it began behind the first look
		return nil, false, refusal{reason: "draining"}
	}
	m, err = a.openLocked(r)
	return m, err == nil, err
}

// openLocked starts a match. The caller holds opening.
func (a *admission) openLocked(r *fleetv1.Reserve) (*driver.Driver, error) {
	g, ok := a.games[r.GetGame()]
	if !ok {
		return nil, refusal{reason: "unknown_game"}
	}
	mode, ok := g.info.Mode(r.GetMode())
	if !ok {
		return nil, badRequest("the game has no such mode")
	}
	options, err := a.options(mode, r.GetOptions())
	if err != nil {
		return nil, err
	}
	if a.process.Rung() >= overload.NoMatches {
		return nil, refusal{reason: "overloaded"}
	}
	if matches, players := a.matches.count(); matches >= a.cfg.MaxMatches || players+len(r.GetSeats()) > a.cfg.MaxPlayers {
		return nil, refusal{reason: "full"}
	}
	m, err := a.maker.make(r, g, matchConfig(mode, options))
	if err != nil {
		return nil, err
	}
	a.matches.start(m)
	return m, nil
}

// matchConfig configures a match, without bots if its options say so.
func matchConfig(mode game.Mode, options []game.Option) game.MatchConfig {
	cfg := game.MatchConfig{Mode: mode, Seed: randomSeed(), Options: options}
	if cfg.Option(game.OptionBots, 1) == 0 {
		cfg.Mode.Fill = 0
	}
	return cfg
}

// options checks the requested options, which players have chosen, and appends the
// server's own. The first of a name applies.
func (a *admission) options(mode game.Mode, asked []*matchmakerv1.Option) ([]game.Option, error) {
	if len(asked) > maxOptions {
		return nil, badRequest("too many options")
	}
	options := make([]game.Option, 0, len(asked)+len(a.cfg.Options))
	for _, o := range asked {
		at := slices.IndexFunc(mode.Options, func(k game.Option) bool { return k.Name == o.GetName() })
		switch {
		case at < 0:
			return nil, badRequest("the mode has no option " + o.GetName())
		case !mode.Options[at].Chosen():
			return nil, badRequest("option " + o.GetName() + " is the operator's alone: the game declares no range")
		case !mode.Options[at].Allows(o.GetValue()):
			return nil, badRequest(fmt.Sprintf("option %s is %d, players choose from %d to %d", o.GetName(), o.GetValue(), mode.Options[at].Min, mode.Options[at].Max))
		}
		options = append(options, game.Option{Name: o.GetName(), Value: o.GetValue()})
	}
	return append(options, a.cfg.Options...), nil
}

func randomSeed() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails since Go 1.24
	return binary.LittleEndian.Uint64(b[:])
}
