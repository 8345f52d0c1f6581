package server

import (
	"fmt"

	"tactus/internal/health"
)

// Probes returns the conditions under which the server is ready. A drain, or a
// matchmaker that disconnects, does not change readiness: players reach their
// running matches at the same address.
func (s *Server) Probes() health.Probes {
	return health.Probes{Ready: []health.Check{s.registeredOnce, health.Descriptors}}
}

func (s *Server) registeredOnce() health.Condition {
	c := health.Condition{Name: "registered", OK: s.fleet.Registered()}
	switch connected := s.fleet.Connected(); {
	case !c.OK:
		c.Reason = "no matchmaker has answered yet"
	case connected == 0:
		c.Reason = "was registered; no matchmaker is connected now"
	default:
		c.Reason = fmt.Sprintf("with %d matchmakers", connected)
	}
	return c
}
