package matchmaker

import (
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/rules"
)

// ReloadRules reads the rules' files again. If they have mistakes, the error names all of
// them and the queues stay as they are.
func (m *Matchmaker) ReloadRules() error {
	if len(m.cfg.RulesFiles) == 0 {
		return nil
	}
	list, err := rules.Load(m.cfg.RulesFiles...)
	if err != nil {
		return fmt.Errorf("matchmaker: rules: %w", err)
	}
	if err := m.catalog.Replace(list); err != nil {
		return fmt.Errorf("matchmaker: rules: %w", err)
	}
	m.queues.Wake()
	m.log.Info("queue rules read", zap.Int("queues", len(list)))
	return nil
}

// CheckRules reads rules files and folders, and writes the rules with their defaults, or
// each mistake on a line. It returns the number of mistakes. The error is about a file
// that can't be read.
func CheckRules(w io.Writer, paths ...string) (mistakes int, err error) {
	queues, err := rules.Load(paths...)
	var problems rules.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			fmt.Fprintln(w, p)
		}
		return len(problems), nil
	case err != nil:
		return 0, err
	}
	for i, q := range queues {
		if i > 0 {
			fmt.Fprintln(w, "---")
		}
		fmt.Fprintf(w, "# rules version %s\n%s", q.Version, q.YAML())
	}
	return 0, nil
}
