package server

import (
	"context"
	"time"

	"go.uber.org/zap"

	"tactus/server/internal/overload"
)

// watchOverload looks at the whole process now and then, until ctx ends.
func (s *Server) watchOverload(ctx context.Context) {
	ticker := time.NewTicker(overload.JudgeEvery)
	defer ticker.Stop()
	began := time.Now()
	var cpu cpuMeter
	memory := newMemoryKeeper()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.judge(int64(time.Since(began)), cpu.share())
			memory.look()
		}
	}
}

// judge moves the process on the overload ladder. now is in nanoseconds above 0,
// cpu the share of the process's cores in use.
func (s *Server) judge(now int64, cpu float64) {
	meanWait, worst := s.pressures()
	was := s.overload.Rung()
	rung := s.overload.Judge(now, meanWait, worst, cpu)
	if rung == was {
		return
	}
	s.metrics.ProcessRung.Set(float64(rung))
	if rung > was {
		s.metrics.ProcessClimbs[rung].Inc()
	}
	s.log.Warn("overload of the whole process", zap.Stringer("rung", rung), zap.Stringer("was", was),
		zap.Float64("mean_wait", meanWait), zap.Float64("worst_pressure", worst), zap.Float64("cpu", cpu))
}

// pressures returns the mean of what the matches wait and the worst of their
// pressures.
func (s *Server) pressures() (meanWait, worst float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.matches {
		value, wait := m.Pressure()
		meanWait += wait
		worst = max(worst, value)
	}
	return meanWait / float64(max(len(s.matches), 1)), worst
}
