package matchmaker

import (
	"context"
	"io"

	"tactus/matchmaker/internal/rehearsal"
	"tactus/matchmaker/internal/rehearsal/population"
)

// RehearsalConfig says what [Rehearse] is to do. Tickets and Rules are needed.
type RehearsalConfig = rehearsal.Config

// Rehearsal is what players would have got. It prints itself as a table and
// marshals as JSON.
type Rehearsal = rehearsal.Report

// Rehearse plays recorded or generated searches against a queue's rules, and
// against others beside them, in virtual time. It returns every mistake of the
// configuration at once; a condition that does not hold is no error, but
// Rehearsal.Failed.
func Rehearse(ctx context.Context, cfg RehearsalConfig) (*Rehearsal, error) {
	return rehearsal.Run(ctx, cfg)
}

// RehearsalFigures returns the names that RehearsalConfig.Assert knows.
func RehearsalFigures() []string { return rehearsal.Metrics() }

// PopulationConfig describes the players that [GeneratePopulation] makes up.
// The zero value works.
type PopulationConfig = population.Config

// GeneratePopulation writes searches of made-up players in the form of a
// recording, for [Rehearse]. It returns every mistake of the configuration at
// once, before it has written anything.
func GeneratePopulation(ctx context.Context, w io.Writer, cfg PopulationConfig) error {
	return population.Generate(ctx, w, cfg)
}
