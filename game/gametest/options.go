package gametest

import (
	"errors"
	"fmt"
	"runtime/debug"

	"tactus/game"
)

// optionTicks is how long a match with other options is played.
const optionTicks = 120

// findBadOption plays a match at both ends of each range from which players may choose,
// and with all options at one end.
func findBadOption(t *trial) error {
	var errs []error
	var low, high []game.Option
	for _, o := range t.config.Mode.Options {
		if !o.Chosen() {
			continue
		}
		least, most := game.Option{Name: o.Name, Value: o.Min}, game.Option{Name: o.Name, Value: o.Max}
		errs = append(errs, t.tryOptions(least), t.tryOptions(most))
		low, high = append(low, least), append(high, most)
	}
	if len(low) > 1 {
		errs = append(errs, t.tryOptions(low...), t.tryOptions(high...))
	}
	return errors.Join(errs...)
}

// tryOptions plays a match with options.
func (t *trial) tryOptions(options ...game.Option) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("options %s, panic after tick %d: %v; players may choose them: narrow the range, or give it no range\n%s",
				optionText(options), t.tick, p, debug.Stack())
		}
	}()
	t.tick = 0
	config := t.config
	config.Options = options
	sim, err := game.NewSimulation(t.game, config)
	if err != nil {
		return fmt.Errorf("options %s: %w", optionText(options), err)
	}
	for range min(t.ticks, optionTicks) {
		t.play(sim)
	}
	return nil
}

func optionText(options []game.Option) (s string) {
	for i, o := range options {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s=%d", o.Name, o.Value)
	}
	return s
}
