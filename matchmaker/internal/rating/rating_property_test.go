package rating

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func skills() *rapid.Generator[Skill] {
	return rapid.Custom(func(t *rapid.T) Skill {
		return Skill{rapid.Float64Range(-50, 100).Draw(t, "mu"), rapid.Float64Range(0.5, 12).Draw(t, "sigma")}
	})
}

func matches(t *rapid.T, one *rapid.Generator[Skill]) ([][]Skill, []int32) {
	teams := rapid.SliceOfN(rapid.SliceOfN(one, 1, 5), 2, 8).Draw(t, "teams")
	ranks := rapid.SliceOfN(rapid.Int32Range(1, 8), len(teams), len(teams)).Draw(t, "ranks")
	return teams, ranks
}

func rate(t *rapid.T, m Model, teams [][]Skill, ranks []int32) [][]Skill {
	after, err := m.Rate(teams, ranks)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func TestRate_uncertaintyGrowsByTauAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		teams, ranks := matches(t, skills())
		m := Default()
		m.Tau = rapid.SampledFrom([]float64{0, 0.1, 2}).Draw(t, "tau")
		for i, team := range rate(t, m, teams, ranks) {
			for p, s := range team {
				if most := math.Hypot(teams[i][p].Sigma, m.Tau); s.Sigma > most || s.Sigma <= 0 {
					t.Fatalf("team %d, player %d: sigma %v, at most %v", i, p, s.Sigma, most)
				}
			}
		}
	})
}

// What one team gains others lose: the changes, each by the variance of its
// team, sum to nothing.
func TestRate_changesSumToZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		teams, ranks := matches(t, skills())
		sum, size := 0.0, 0.0
		for i, team := range rate(t, still, teams, ranks) {
			before, after, variance := 0.0, 0.0, 0.0
			for p, s := range team {
				before, after, variance = before+teams[i][p].Mu, after+s.Mu, variance+teams[i][p].Sigma*teams[i][p].Sigma
			}
			sum += (after - before) / variance
			size += math.Abs(after-before) / variance
		}
		if math.Abs(sum) > 1e-9*(1+size) {
			t.Fatalf("the changes sum to %v", sum)
		}
	})
}

// The order in which teams and their players are told means nothing.
func TestRate_orderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		teams, ranks := matches(t, skills())
		order := make([]int, len(teams))
		for i := range order {
			order[i] = i
		}
		order = rapid.Permutation(order).Draw(t, "order")
		var turned [][]Skill
		var places []int32
		for _, i := range order {
			team := slices.Clone(teams[i])
			slices.Reverse(team)
			turned, places = append(turned, team), append(places, ranks[i]*10-7)
		}
		one, other := rate(t, Default(), teams, ranks), rate(t, Default(), turned, places)
		for k, i := range order {
			for p := range one[i] {
				a, b := one[i][p], other[k][len(one[i])-1-p]
				if math.Abs(a.Mu-b.Mu) > 1e-9 || math.Abs(a.Sigma-b.Sigma) > 1e-9 {
					t.Fatalf("team %d, player %d: %v in one order, %v in another", i, p, a, b)
				}
			}
		}
	})
}

// Of equals, whoever is placed better ends with more, and all who draw end
// equal. (Between a draw and the places around it the model promises nothing:
// see the docs on ratings.)
func TestRate_betterPlacesOfEqualsGetMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		team := rapid.SliceOfN(skills(), 1, 5).Draw(t, "team")
		ranks := rapid.OneOf(
			rapid.SliceOfNDistinct(rapid.Int32Range(1, 20), 2, 8, rapid.ID[int32]),
			rapid.Map(rapid.IntRange(2, 8), func(n int) []int32 { return make([]int32, n) }),
		).Draw(t, "ranks")
		teams := make([][]Skill, len(ranks))
		for i := range teams {
			teams[i] = team
		}
		after := rate(t, Default(), teams, ranks)
		for i := range after {
			for k := range after {
				x, y := after[i][0].Mu, after[k][0].Mu
				if ranks[i] < ranks[k] && x <= y || ranks[i] == ranks[k] && math.Abs(x-y) > 1e-9 {
					t.Fatalf("places %d and %d: mu %v and %v", ranks[i], ranks[k], x, y)
				}
			}
		}
	})
}

// The winner of a match of two teams never falls and the loser never rises,
// whatever was expected.
func TestRate_winnersOfTwoTeamsNeverFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		teams := rapid.SliceOfN(rapid.SliceOfN(skills(), 1, 5), 2, 2).Draw(t, "teams")
		after := rate(t, Default(), teams, []int32{1, 2})
		for p := range teams[0] {
			if after[0][p].Mu < teams[0][p].Mu {
				t.Fatalf("a winner fell from %v to %v", teams[0][p], after[0][p])
			}
		}
		for p := range teams[1] {
			if after[1][p].Mu > teams[1][p].Mu {
				t.Fatalf("a loser rose from %v to %v", teams[1][p], after[1][p])
			}
		}
	})
}

func TestRate_extremesStayWithinBounds(t *testing.T) {
	extreme := rapid.Custom(func(t *rapid.T) Skill {
		return Skill{
			rapid.OneOf(rapid.Float64Range(-MaxMu, MaxMu), rapid.SampledFrom([]float64{-MaxMu, 0, MaxMu})).Draw(t, "mu"),
			rapid.OneOf(rapid.Float64Range(MinSigma, MaxSigma), rapid.SampledFrom([]float64{MinSigma, MaxSigma})).Draw(t, "sigma"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		teams, ranks := matches(t, extreme)
		m := Default()
		m.Beta = rapid.SampledFrom([]float64{MinSigma, m.Beta, MaxSigma}).Draw(t, "beta")
		m.Tau = rapid.SampledFrom([]float64{0, m.Tau, MaxSigma}).Draw(t, "tau")
		for i, team := range rate(t, m, teams, ranks) {
			for p, s := range team {
				if !s.Valid() {
					t.Fatalf("team %d, player %d: from %v to %v", i, p, teams[i][p], s)
				}
			}
		}
	})
}

func BenchmarkRate5v5(b *testing.B) {
	teams := [][]Skill{{newcomer, newcomer, newcomer, newcomer, newcomer}, {newcomer, newcomer, newcomer, newcomer, newcomer}}
	m := Default()
	for b.Loop() {
		_, _ = m.Rate(teams, []int32{1, 2})
	}
}

func BenchmarkRateThousand(b *testing.B) {
	teams, ranks := make([][]Skill, MaxTeams), make([]int32, MaxTeams)
	for i := range teams {
		teams[i], ranks[i] = newcomer3[:1], int32(i)
	}
	m := Default()
	for b.Loop() {
		_, _ = m.Rate(teams, ranks)
	}
}
