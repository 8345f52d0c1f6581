package matchmaker

import (
	"context"
	"io"

	"tactus/matchmaker/internal/rehearsal"
	"tactus/matchmaker/internal/rehearsal/population"
)

// RehearsalConfig configures [Rehearse]. Tickets and Rules are needed.
type RehearsalConfig = rehearsal.Config

// Rehearsal is the result of [Rehearse]: the matches that players would have got. It
// prints itself as a table and marshals as JSON.
type Rehearsal = rehearsal.Report

// Rehearse plays recorded or generated searches by a queue's rules, and by other rules
// for comparison, in virtual time. It returns all mistakes in the configuration. A
// condition that does not hold is in Rehearsal.Failed and is no error.
func Rehearse(ctx context.Context, cfg RehearsalConfig) (*Rehearsal, error) {
	return rehearsal.Run(ctx, cfg)
}

// RehearsalFigures returns the names that RehearsalConfig.Assert knows.
func RehearsalFigures() []string { return rehearsal.Metrics() }

// PopulationConfig describes the players that [GeneratePopulation] invents. The zero
// value works.
type PopulationConfig = population.Config

// GeneratePopulation writes searches of invented players in the form of a recording, for
// [Rehearse]. It returns all mistakes in the configuration before it writes.
func GeneratePopulation(ctx context.Context, w io.Writer, cfg PopulationConfig) error {
	return population.Generate(ctx, w, cfg)
}
