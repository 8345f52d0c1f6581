// Package draw parses and samples the distributions and shares that describe
// populations.
package draw

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Distribution is a distribution of numbers, or a mixture of several.
// [ParseDistribution] returns one. The zero value draws 0. It is safe for concurrent
// use.
type Distribution struct {
	shapes []shape
	shares Shares
}

// shape is one distribution of a mixture with its one or two parameters.
type shape struct {
	kind kind
	a, b float64
}

type kind int

const (
	constant kind = iota // a
	uniform              // from a to b
	// normal has mean a and standard deviation b.
	normal
	exponential // mean a
	lognormal   // median a, standard deviation b of its logarithm
)

// kinds are the names of distributions, and the number of their parameters.
var kinds = map[string]struct {
	kind       kind
	parameters int
}{
	"constant": {constant, 1}, "uniform": {uniform, 2}, "normal": {normal, 2},
	"exponential": {exponential, 1}, "lognormal": {lognormal, 2},
}

const grammar = "want a number, uniform(from,to), normal(mean,deviation), exponential(mean), lognormal(median,deviation of the logarithm), " +
	"or several with their shares as normal(1200,150)=0.7,normal(1900,200)=0.3"

// Number parses a plain number.
func Number(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// ParseDistribution parses a distribution such as "1500", "normal(1500,300)" or
// "normal(1200,150)=0.7,normal(1900,200)=0.3". The function value parses its
// parameters, [Number] for plain ones. The deviation of a lognormal is always a plain
// number.
func ParseDistribution(text string, value func(string) (float64, error)) (Distribution, error) {
	var d Distribution
	parts := split(text)
	for _, part := range parts {
		body, share, shared := cutLast(part, "=")
		if len(parts) > 1 && !shared {
			return Distribution{}, fmt.Errorf("%q: %q has no share; %s", text, part, grammar)
		}
		weight := 1.0
		if shared {
			var err error
			if weight, err = parseShare(share); err != nil {
				return Distribution{}, fmt.Errorf("%q: %w", text, err)
			}
		}
		s, err := parseShape(body, value)
		if err != nil {
			return Distribution{}, fmt.Errorf("%q: %w", text, err)
		}
		d.shapes = append(d.shapes, s)
		d.shares.add(body, weight)
	}
	if d.shares.total <= 0 {
		return Distribution{}, fmt.Errorf("%q: the shares are all 0", text)
	}
	return d, nil
}

func parseShape(text string, value func(string) (float64, error)) (shape, error) {
	name, rest, called := strings.Cut(strings.TrimSpace(text), "(")
	if !called {
		a, err := value(strings.TrimSpace(name))
		if err != nil {
			return shape{}, fmt.Errorf("%w; %s", err, grammar)
		}
		return shape{kind: constant, a: a}, nil
	}
	known, ok := kinds[strings.TrimSpace(name)]
	inside, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return shape{}, fmt.Errorf("%q is no distribution; %s", text, grammar)
	}
	parameters := strings.Split(inside, ",")
	if len(parameters) != known.parameters {
		return shape{}, fmt.Errorf("%s has %d parameters, want %d", name, len(parameters), known.parameters)
	}
	s := shape{kind: known.kind}
	for i, into := range []*float64{&s.a, &s.b}[:known.parameters] {
		read := value
		if s.kind == lognormal && i == 1 {
			read = Number
		}
		n, err := read(strings.TrimSpace(parameters[i]))
		if err != nil {
			return shape{}, fmt.Errorf("%s: %w", name, err)
		}
		*into = n
	}
	return s, s.check()
}

func (s shape) check() error {
	switch {
	case s.kind == uniform && s.a > s.b:
		return fmt.Errorf("uniform goes from %v down to %v", s.a, s.b)
	case s.kind == normal && s.b < 0, s.kind == lognormal && s.b < 0:
		return fmt.Errorf("a deviation of %v is below 0", s.b)
	case s.kind == exponential && s.a < 0:
		return fmt.Errorf("an exponential mean of %v is below 0", s.a)
	case s.kind == lognormal && s.a <= 0:
		return fmt.Errorf("a lognormal median of %v is not above 0", s.a)
	}
	return nil
}

// Draw returns a number from the distribution.
func (d Distribution) Draw(r *rand.Rand) float64 {
	if len(d.shapes) == 0 {
		return 0
	}
	return d.shapes[d.shares.Draw(r)].draw(r)
}

// draw rounds products before it adds to them, by a conversion here and elsewhere:
// processors that multiply and add in one step would draw other numbers.
func (s shape) draw(r *rand.Rand) float64 {
	switch s.kind {
	case uniform:
		return s.a + float64((s.b-s.a)*r.Float64())
	case normal:
		return s.a + float64(s.b*r.NormFloat64())
	case exponential:
		return s.a * r.ExpFloat64()
	case lognormal:
		return s.a * math.Exp(s.b*r.NormFloat64())
	default:
		return s.a
	}
}

// split cuts at commas outside brackets.
func split(text string) []string {
	var parts []string
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

// cutLast cuts at the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// Duration parses a time such as "5m", for distributions of nanoseconds.
func Duration(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a time like 90s or 5m", text)
	}
	return float64(d), nil
}
