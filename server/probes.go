package server

import (
	"fmt"

	"tactus/internal/clockjump"
	"tactus/internal/health"
)

// Probes returns the conditions under which the server is ready. A drain, or a
// matchmaker that disconnects, does not change readiness: players reach their
// running matches at the same address. The server is live until the rules of two matches
// hang: each keeps a processor busy for ever.
func (s *Server) Probes() health.Probes {
	return health.Probes{
		Live: []health.Check{s.turnsEnd}, Ready: []health.Check{s.registeredOnce, health.Descriptors},
		Warn: []health.Check{s.logsAreWritten, clockjump.Check},
	}
}

func (s *Server) registeredOnce() health.Condition {
	c := health.Condition{Name: "registered", OK: s.fleet.Registered()}
	switch connected := s.fleet.Connected(); {
	case !c.OK && s.fleet.IDInUse() != "":
		c.Reason = "server id is in use by another process at " + s.fleet.IDInUse()
	case !c.OK:
		c.Reason = "no matchmaker has answered yet"
	case connected == 0:
		c.Reason = "was registered; no matchmaker is connected now"
	default:
		c.Reason = fmt.Sprintf("with %d matchmakers", connected)
	}
	return c
}

// maxHangingTurns is how many turns may hang before only a restart helps.
const maxHangingTurns = 1

func (s *Server) turnsEnd() health.Condition {
	c := health.Condition{Name: "turns", OK: true, Reason: "all end in time"}
	if n := s.watchdog.Hanging(); n > 0 {
		c.OK = n <= maxHangingTurns
		c.Reason = fmt.Sprintf("%d hang and keep processors busy; the log has their stacks", n)
	}
	return c
}

// logsAreWritten holds while match logs can be written. Matches do not need them.
func (s *Server) logsAreWritten() health.Condition {
	why := s.logs.Failing()
	return health.Condition{Name: "match_logs", OK: why == "", Reason: why}
}
