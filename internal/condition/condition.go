// Package condition implements the conditions that a measured result has to
// meet: texts like "gap_p99<50". Load tests and rehearsals fail by them.
//
// A [Language] lists the figures that conditions of one kind can name. It parses
// texts into conditions, and a [Condition] checks a result. The package knows no
// figure by itself.
package condition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Figure is a number in results of type R, and a name for it in conditions.
type Figure[R any] struct {
	Name string
	// Value returns the number. measured is false when the result has none.
	Value func(R) (value float64, measured bool)
	// ParseLimit reads the limit of a condition, in the unit of Value. nil: a plain
	// number.
	ParseLimit func(text string) (float64, error)
}

// Language is a kind of condition on results of type R. It is safe for concurrent
// use as long as its fields do not change.
type Language[R any] struct {
	Kind    string // what errors call a condition: "threshold"
	Noun    string // what errors call a figure: "metric"
	Example string // a condition, for errors
	Figures []Figure[R]
}

// Names returns the names of all figures, in their order.
func (l *Language[R]) Names() []string {
	names := make([]string, len(l.Figures))
	for i, f := range l.Figures {
		names[i] = f.Name
	}
	return names
}

// ParseAll parses conditions in their order. The error names every mistake.
func (l *Language[R]) ParseAll(texts []string) ([]Condition[R], error) {
	var list []Condition[R]
	var errs []error
	for _, text := range texts {
		c, err := l.Parse(text)
		list, errs = append(list, c), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return list, nil
}

// operators holds the longer ones first, so that "<=" is not read as "<".
var operators = []string{"<=", ">=", "==", "<", ">"}

// Parse parses one condition.
func (l *Language[R]) Parse(text string) (Condition[R], error) {
	for _, op := range operators {
		name, limit, found := strings.Cut(text, op)
		if !found {
			continue
		}
		name, limit = strings.TrimSpace(name), strings.TrimSpace(limit)
		f := l.figure(name)
		if f == nil {
			return Condition[R]{}, fmt.Errorf("%s %q: no %s %q; known are %s", l.Kind, text, l.Noun, name, strings.Join(l.Names(), ", "))
		}
		n, err := f.parseLimit(limit)
		if err != nil {
			return Condition[R]{}, fmt.Errorf("%s %q: %w", l.Kind, text, err)
		}
		return Condition[R]{text: text, figure: f, operator: op, limit: n}, nil
	}
	return Condition[R]{}, fmt.Errorf("%s %q is not of the form %s OPERATOR LIMIT, like %q; operators are <, <=, >, >= and ==",
		l.Kind, text, strings.ToUpper(l.Noun), l.Example)
}

func (l *Language[R]) figure(name string) *Figure[R] {
	for i := range l.Figures {
		if l.Figures[i].Name == name {
			return &l.Figures[i]
		}
	}
	return nil
}

func (f *Figure[R]) parseLimit(text string) (float64, error) {
	if f.ParseLimit != nil {
		return f.ParseLimit(text)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// Condition compares a figure with a limit. It is safe for concurrent use.
type Condition[R any] struct {
	text     string
	figure   *Figure[R]
	operator string
	limit    float64
}

// String returns the condition's text.
func (c Condition[R]) String() string { return c.text }

// Name returns the name of the condition's figure.
func (c Condition[R]) Name() string { return c.figure.Name }

// Check returns the figure of a result and whether the condition holds. It does
// not hold for a figure that was not measured.
func (c Condition[R]) Check(result R) (value float64, measured, holds bool) {
	value, measured = c.figure.Value(result)
	return value, measured, measured && c.compare(value)
}

func (c Condition[R]) compare(value float64) bool {
	switch c.operator {
	case "<":
		return value < c.limit
	case "<=":
		return value <= c.limit
	case ">":
		return value > c.limit
	case ">=":
		return value >= c.limit
	default:
		return value == c.limit
	}
}
