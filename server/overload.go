package server

import (
	"context"
	"time"

	"go.uber.org/zap"

	"tactus/internal/steady"
	"tactus/server/internal/overload"
)

// watchOverload judges the process every overload.JudgeEvery until ctx ends.
func (s *Server) watchOverload(ctx context.Context) {
	ticker := time.NewTicker(overload.JudgeEvery)
	defer ticker.Stop()
	began := steady.Now()
	var cpu cpuMeter
	memory := newMemoryKeeper()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.judge(int64(steady.Since(began)), cpu.share())
			memory.check()
			s.bans.expire(time.Now())
		}
	}
}

// judge moves the process on the overload ladder. now is in nanoseconds above 0; cpu
// is the share of the process's cores in use.
func (s *Server) judge(now int64, cpu float64) {
	load := s.matches.load()
	load.CPU = cpu
	was := s.overload.Rung()
	rung := s.overload.Judge(now, load)
	if rung == was {
		return
	}
	s.metrics.ProcessRung.Set(float64(rung))
	if rung > was {
		s.metrics.ProcessClimbs[rung].Inc()
	}
	s.log.Warn("overload of the whole process", zap.Stringer("rung", rung), zap.Stringer("was", was),
		zap.Float64("mean_wait", load.MeanWait), zap.Float64("worst_pressure", load.Worst),
		zap.Float64("at_full_rate", load.FullRate), zap.Float64("cpu", cpu))
}
