// Package rating estimates skill from match results: the Plackett-Luce model of Weng and
// Lin, for any number of teams of any size, free-for-all and draws. It stores nothing;
// package ranking does.
//
// The method is Algorithm 4 of R. C. Weng and C.-J. Lin, "A Bayesian
// Approximation Method for Online Ranking", Journal of Machine Learning
// Research 12 (2011), 267-300, with the defaults of the OpenSkill libraries.
package rating

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits of one match. Time grows with the square of the number of teams: 1,000 teams
// take about 15 ms of a core.
const (
	MaxTeams   = 1000
	MaxPlayers = 10_000
)

// Bounds of a skill. Real skills are far inside. Within the bounds no step of the
// arithmetic overflows or loses all digits.
const (
	MaxMu    = 1e6
	MinSigma = 1e-4
	MaxSigma = 1e4
)

// Skill is the estimate of a player's skill: a normal distribution with mean Mu and
// standard deviation Sigma.
type Skill struct {
	Mu, Sigma float64
}

// Valid reports whether the skill is a number within bounds.
func (s Skill) Valid() bool {
	return math.Abs(s.Mu) <= MaxMu && s.Sigma >= MinSigma && s.Sigma <= MaxSigma
}

// Conservative is three standard deviations below the mean: the player's skill is
// higher with 99.9 %. Leaderboards rank by it.
func (s Skill) Conservative() float64 { return s.Mu - 3*s.Sigma }

// Moved applies the change from before to after to the skill: the same difference of Mu
// and the same ratio of Sigma. So two matches that were rated concurrently both count.
func (s Skill) Moved(before, after Skill) Skill {
	if s == before {
		return after
	}
	return Skill{
		Mu:    clamp(s.Mu+(after.Mu-before.Mu), -MaxMu, MaxMu),
		Sigma: clamp(s.Sigma*(after.Sigma/before.Sigma), MinSigma, MaxSigma),
	}
}

// Model holds the constants of the method, in units of Mu.
type Model struct {
	Initial Skill
	// Beta is the standard deviation of the performance from match to match.
	Beta float64
	// Kappa is the least share of a variance that is left after one match.
	Kappa float64
	// Tau is added to Sigma before each match, as the root of a sum of squares. It keeps
	// ratings of players with many matches movable. 0: nothing is added.
	Tau float64
}

// Default returns OpenSkill's constants: mu 25, sigma 25/3, beta 25/6, kappa
// 0.0001, tau 25/300.
func Default() Model {
	return Model{Initial: Skill{Mu: 25, Sigma: 25. / 3}, Beta: 25. / 6, Kappa: 0.0001, Tau: 25. / 300}
}

// Validate returns all mistakes.
func (m Model) Validate() error {
	var errs []error
	if !m.Initial.Valid() {
		errs = append(errs, fmt.Errorf("initial skill: mu %v, sigma %v: out of bounds", m.Initial.Mu, m.Initial.Sigma))
	}
	if !(m.Beta >= MinSigma && m.Beta <= MaxSigma) {
		errs = append(errs, fmt.Errorf("beta: %v is not between %v and %v", m.Beta, MinSigma, MaxSigma))
	}
	if !(m.Kappa > 0 && m.Kappa <= 1) {
		errs = append(errs, fmt.Errorf("kappa: %v is not between 0 and 1", m.Kappa))
	}
	if !(m.Tau >= 0 && m.Tau <= MaxSigma) {
		errs = append(errs, fmt.Errorf("tau: %v is not between 0 and %v", m.Tau, MaxSigma))
	}
	return errors.Join(errs...)
}

// Rate returns the skills after a match in which teams[i] has ranks[i]: lower is better,
// equal is a draw, and only the order counts. In free-for-all each player is a team.
// Rate does not change its arguments; the result has the shape of teams. The model must
// be valid.
func (m Model) Rate(teams [][]Skill, ranks []int32) ([][]Skill, error) {
	if err := check(teams, ranks); err != nil {
		return nil, err
	}
	after := make([][]Skill, len(teams))
	for i, team := range teams {
		after[i] = slices.Clone(team)
		for p := range after[i] {
			after[i][p].Sigma = min(math.Hypot(after[i][p].Sigma, m.Tau), MaxSigma)
		}
	}
	m.update(after, ranks)
	return after, nil
}

func check(teams [][]Skill, ranks []int32) error {
	switch {
	case len(teams) != len(ranks):
		return fmt.Errorf("%d teams and %d ranks", len(teams), len(ranks))
	case len(teams) < 2:
		return fmt.Errorf("%d teams: a match has at least two", len(teams))
	case len(teams) > MaxTeams:
		return fmt.Errorf("%d teams are more than the limit of %d", len(teams), MaxTeams)
	}
	players := 0
	for i, team := range teams {
		if len(team) == 0 {
			return fmt.Errorf("team %d is empty", i)
		}
		for p, s := range team {
			if !s.Valid() {
				return fmt.Errorf("team %d, player %d: mu %v, sigma %v: out of bounds", i, p, s.Mu, s.Sigma)
			}
		}
		players += len(team)
	}
	if players > MaxPlayers {
		return fmt.Errorf("%d players are more than the limit of %d", players, MaxPlayers)
	}
	return nil
}

// sums are the sums of a team that the model needs.
type sums struct {
	mu, variance float64
}

// place holds what the teams of one rank share.
type place struct {
	rank  int32
	teams float64
	// total is the logarithm of the sum of exp(mu/c) over the teams of this rank and
	// all worse ranks. Logarithms keep skills distinct that are far below the others.
	total float64
}

// update is Algorithm 4 with the gamma of the paper, sigma_i/c.
func (m Model) update(teams [][]Skill, ranks []int32) {
	of := make([]sums, len(teams))
	square := 0.0
	for i, team := range teams {
		for _, s := range team {
			of[i].mu += s.Mu
			of[i].variance += s.Sigma * s.Sigma
		}
		square += of[i].variance + m.Beta*m.Beta
	}
	c := math.Sqrt(square)
	places := placesOf(of, ranks, c)
	for i, team := range teams {
		omega, delta := 0.0, 0.0
		for _, q := range places {
			if q.rank > ranks[i] {
				break
			}
			// The probability that i is the first of the teams that have no place yet:
			// once for each team of this rank, weighted by one over their number.
			chance := min(math.Exp(of[i].mu/c-q.total), 1)
			omega -= chance
			delta += chance * (1 - chance)
			if q.rank == ranks[i] {
				omega += 1 / q.teams
			}
		}
		gamma := math.Sqrt(of[i].variance) / c
		for p, s := range team {
			variance := s.Sigma * s.Sigma
			team[p] = Skill{
				Mu:    clamp(s.Mu+variance/c*omega, -MaxMu, MaxMu),
				Sigma: clamp(s.Sigma*math.Sqrt(max(1-variance/square*gamma*delta, m.Kappa)), MinSigma, MaxSigma),
			}
		}
	}
}

// placesOf returns the distinct ranks, best first.
func placesOf(of []sums, ranks []int32, c float64) []place {
	order := make([]int, len(ranks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		// Skill breaks ties, so that a sum does not depend on the order of the teams.
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(of[a].mu, of[b].mu))
	})
	var places []place
	total := math.Inf(-1)
	for _, o := range slices.Backward(order) {
		total = addLogs(total, of[o].mu/c)
		if len(places) == 0 || places[len(places)-1].rank != ranks[o] {
			places = append(places, place{rank: ranks[o]})
		}
		last := &places[len(places)-1]
		last.teams++
		last.total = total
	}
	slices.Reverse(places)
	return places
}

// addLogs returns log(exp(a) + exp(b)).
func addLogs(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log1p(math.Exp(b-a))
}

func clamp(v, low, high float64) float64 { return max(low, min(v, high)) }
