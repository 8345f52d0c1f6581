package draw

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Shares chooses among names by weight. [ParseShares] returns one. It is safe for
// concurrent use.
type Shares struct {
	names   []string
	weights []float64
	total   float64
}

// ParseShares parses shares such as "eu=0.6,us=0.4" with the separator "=", or
// "en:0.6,de:0.4" with ":". They need not sum to 1. A name without a share has the
// share 1. A duplicate name is an error.
func ParseShares(text, separator string) (Shares, error) {
	var s Shares
	for part := range strings.SplitSeq(text, ",") {
		name, share, shared := cutLast(part, separator)
		name = strings.TrimSpace(name)
		if name == "" {
			return Shares{}, fmt.Errorf("%q: a name is missing; want name%sshare,name%sshare", text, separator, separator)
		}
		if slices.Contains(s.names, name) {
			return Shares{}, fmt.Errorf("%q: %s is named twice", text, name)
		}
		weight := 1.0
		if shared {
			var err error
			if weight, err = parseShare(share); err != nil {
				return Shares{}, fmt.Errorf("%q: %s: %w", text, name, err)
			}
		}
		s.add(name, weight)
	}
	if s.total <= 0 {
		return Shares{}, fmt.Errorf("%q: the shares are all 0", text)
	}
	return s, nil
}

func parseShare(text string) (float64, error) {
	n, err := Number(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("the share %w", err)
	}
	if n < 0 {
		return 0, fmt.Errorf("the share %v is below 0", n)
	}
	return n, nil
}

func (s *Shares) add(name string, weight float64) {
	s.names, s.weights = append(s.names, name), append(s.weights, weight)
	s.total += weight
}

// Names returns a copy of the names, in the given order.
func (s Shares) Names() []string { return slices.Clone(s.names) }

// Draw returns the index of a name. A single name needs no random number.
func (s Shares) Draw(r *rand.Rand) int {
	if len(s.names) == 1 {
		return 0
	}
	at := float64(r.Float64() * s.total)
	for i, w := range s.weights {
		if at -= w; at < 0 {
			return i
		}
	}
	// Rounding errors end here: the last name with a share.
	for i := len(s.weights) - 1; i > 0; i-- {
		if s.weights[i] > 0 {
			return i
		}
	}
	return 0
}
