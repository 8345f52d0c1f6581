package server

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"tactus/game"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	"tactus/server/internal/driver"
	"tactus/server/internal/match"
	"tactus/server/internal/metrics"
	"tactus/server/internal/watchdog"
)

// errHangs refuses a reservation whose match the rules never finish to make.
var errHangs = errors.New("rules hang")

// hosted is a game with its description, which is asked for once: a call into rules
// outside of a match has nothing that contains it.
type hosted struct {
	game.Game
	info game.Info
}

// maker makes matches. Rules that panic or hang meanwhile end that alone. It is safe
// for concurrent use.
type maker struct {
	log      *zap.Logger
	metrics  *metrics.Metrics
	watchdog *watchdog.Watchdog
	// newMatch makes a match that is not started.
	newMatch func(r *fleetv1.Reserve, g hosted, cfg game.MatchConfig) (*driver.Driver, error)
}

type made struct {
	match *driver.Driver
	err   error
}

// make makes a match that is not started, on a goroutine that it can give up.
func (m *maker) make(r *fleetv1.Reserve, g hosted, cfg game.MatchConfig) (*driver.Driver, error) {
	var turn watchdog.Turns
	result, hung, goroutine := make(chan made, 1), make(chan struct{}), make(chan string, 1)
	m.watchdog.Watch(&turn, func() { close(hung) })
	turn.Begin()
	go func() {
		goroutine <- watchdog.Goroutine()
		one, err := m.newMatch(r, g, cfg)
		switch {
		case turn.End():
			result <- made{one, err}
		case one != nil:
			one.Discard()
		}
	}()
	select {
	case one := <-result:
		m.watchdog.Forget(&turn)
		return one.match, m.report(r, one.err)
	case <-hung:
		m.metrics.HungTurns.Inc()
		m.log.Error("match not made: rules hang", append(matchFields(r), zap.ByteString("stack", m.watchdog.Stacks(<-goroutine)))...)
		return nil, errHangs
	}
}

// report logs and counts a panic.
func (m *maker) report(r *fleetv1.Reserve, err error) error {
	if fault, ok := errors.AsType[*match.PanicError](err); ok {
		m.metrics.Panics.Inc()
		m.log.Error("match not made: rules panicked", append(matchFields(r),
			zap.String("panic", fmt.Sprint(fault.Value)), zap.ByteString("stack", fault.Stack))...)
	}
	return err
}

func matchFields(r *fleetv1.Reserve) []zap.Field {
	return []zap.Field{zap.String("match", r.GetMatchId()), zap.String("game", r.GetGame()), zap.String("mode", r.GetMode())}
}
