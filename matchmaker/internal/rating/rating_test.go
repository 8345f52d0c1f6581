package rating

import (
	"math"
	"strings"
	"testing"
)

var (
	newcomer  = Skill{25, 25. / 3}
	newcomer3 = []Skill{newcomer, newcomer, newcomer}
	still     = func() Model { m := Default(); m.Tau = 0; return m }()
	a, b, c   = Skill{29.182, 4.782}, Skill{27.174, 4.922}, Skill{16.672, 6.217}
)

// each makes a team of every player.
func each(players ...Skill) [][]Skill {
	teams := make([][]Skill, len(players))
	for i, p := range players {
		teams[i] = []Skill{p}
	}
	return teams
}

// published are results that others print for the same method. The sources:
//
//	[model]  openskill.js, src/models/__tests__/plackett-luce.test.ts
//	[series] openskill.js, src/models/__tests__/plackett-luce-series.test.ts
//	[rate]   openskill.js, src/__tests__/rate.test.ts
//	[readme] openskill.js and openskill.ex, README.md
var published = []struct {
	name  string
	tau   float64
	teams [][]Skill
	ranks []int32
	want  [][]Skill
	digit float64 // how far the printed numbers go
}{
	{
		name: "[model] two players", teams: each(newcomer, newcomer), ranks: []int32{1, 2}, digit: 1e-11,
		want: each(Skill{27.63523138347365, 8.065506316323548}, Skill{22.36476861652635, 8.065506316323548}),
	},
	{
		name: "[model] three players", teams: each(newcomer3...), ranks: []int32{1, 2, 3}, digit: 1e-11,
		want: each(Skill{27.868876552746237, 8.204837030780652}, Skill{25.717219138186557, 8.057829747583874}, Skill{21.413904309067206, 8.057829747583874}),
	},
	{
		name: "[model] five players", teams: each(newcomer, newcomer, newcomer, newcomer, newcomer), ranks: []int32{1, 2, 3, 4, 5}, digit: 1e-11,
		want: each(Skill{27.666666666666668, 8.290556877154474}, Skill{26.833333333333332, 8.240145629781066}, Skill{25.72222222222222, 8.179996679645559}, Skill{24.055555555555557, 8.111796013701358}, Skill{20.72222222222222, 8.111796013701358}),
	},
	{
		name: "[model] teams of three, one and two", teams: [][]Skill{newcomer3, newcomer3[:1], newcomer3[:2]}, ranks: []int32{1, 2, 3}, digit: 1e-11,
		want: [][]Skill{
			{{25.939870821784513, 8.247641552260456}, {25.939870821784513, 8.247641552260456}, {25.939870821784513, 8.247641552260456}},
			{{27.21366020491262, 8.274321317985242}},
			{{21.84646897330287, 8.213058173195341}, {21.84646897330287, 8.213058173195341}},
		},
	},
	{
		name: "[readme] the weaker team wins", teams: [][]Skill{{newcomer, {32.444, 5.123}}, {{43.381, 2.421}, {25.188, 6.211}}}, ranks: []int32{1, 2}, digit: 1e-11,
		want: [][]Skill{
			{{28.669648436582808, 8.071520788025197}, {33.83086971107981, 5.062772998705765}},
			{{43.071274808241974, 2.4166900452721256}, {23.149503312339064, 6.1378606973362135}},
		},
	},
	{
		name: "[readme] places in another order", teams: each(newcomer, newcomer, newcomer, newcomer), ranks: []int32{4, 1, 3, 2}, digit: 6e-4,
		want: each(Skill{20.963, 8.084}, Skill{27.795, 8.263}, Skill{24.689, 8.084}, Skill{26.553, 8.179}),
	},
	{
		name: "[rate] all four draw", tau: 25. / 300, teams: each(newcomer, newcomer, newcomer, newcomer), ranks: []int32{1, 1, 1, 1}, digit: 1e-11,
		want: each(Skill{25, 8.263571791259416}, Skill{25, 8.263571791259416}, Skill{25, 8.263571791259416}, Skill{25, 8.263571791259416}),
	},
	{
		name: "[rate] two draw for the second place", tau: 25. / 300, teams: each(Skill{10, 8}, Skill{5, 10}, Skill{0, 12}), ranks: []int32{1, 2, 2}, digit: 1e-11,
		want: each(Skill{11.942996666741225, 7.926888197620324}, Skill{2.9381178546315034, 9.653804487570165}, Skill{-1.4024317012198733, 11.323641575516767}),
	},
	{
		name: "[rate] two draw between a winner and a loser", tau: 25. / 300, ranks: []int32{2, 4, 2, 1}, digit: 1e-11,
		teams: each(Skill{15, 25. / 3}, Skill{20, 25. / 3}, Skill{25, 25. / 3}, Skill{30, 25. / 3}),
		want:  each(Skill{15.340043358359136, 8.213141619804967}, Skill{18.007678675484204, 8.189033933813437}, Skill{24.25801928251219, 8.166918055585525}, Skill{32.39425868364447, 8.247687230833794}),
	},
	{
		name: "[rate] four of different skill", tau: 25. / 300, teams: each(a, b, c, newcomer), ranks: []int32{1, 2, 3, 4}, digit: 1e-11,
		want: each(Skill{30.210227447000438, 4.765617924939384}, Skill{27.644725221915632, 4.883479590134575}, Skill{17.4036218889969, 6.101259408259549}, Skill{19.21460876538932, 7.854669920480409}),
	},
	{
		name: "[rate] three teams, tau", tau: 25. / 300, teams: [][]Skill{{a, newcomer}, {b, newcomer}, {c, newcomer}}, ranks: []int32{3, 1, 2}, digit: 1e-11,
		want: [][]Skill{
			{{27.857622571955794, 4.744504197327133}, {20.97892943330433, 8.129851804000902}},
			{{27.990904891666695, 4.901705733959291}, {27.341233554297506, 8.2314516336455}},
			{{17.607030910762578, 6.141282638892306}, {26.67983701239816, 8.149157818911323}},
		},
	},
	{
		name: "[rate] another tau", tau: 0.3, teams: each(Skill{25, 3}, Skill{25, 3}), ranks: []int32{1, 2}, digit: 1e-11,
		want: each(Skill{25.624880438870754, 2.9879993738476953}, Skill{24.375119561129246, 2.9879993738476953}),
	},
}

func TestRate_givesPublishedResults(t *testing.T) {
	for _, test := range published {
		t.Run(test.name, func(t *testing.T) {
			m := still
			m.Tau = test.tau
			got, err := m.Rate(test.teams, test.ranks)
			if err != nil {
				t.Fatal(err)
			}
			near(t, got, test.want, test.digit)
		})
	}
}

func near(t *testing.T, got, want [][]Skill, digit float64) {
	t.Helper()
	for i := range want {
		for p := range want[i] {
			g, w := got[i][p], want[i][p]
			if math.Abs(g.Mu-w.Mu) > digit || math.Abs(g.Sigma-w.Sigma) > digit {
				t.Errorf("team %d, player %d: %v, want %v", i, p, g, w)
			}
		}
	}
}

func TestRate_givesPublishedSeries(t *testing.T) {
	// [series]: three matches with draws among five players.
	m, players := Default(), [5]Skill{newcomer, newcomer, newcomer, newcomer, newcomer}
	for _, match := range []struct {
		players []int
		ranks   []int32
	}{
		{players: []int{0, 1, 2, 3, 4}, ranks: []int32{1, 2, 2, 4, 4}},
		{players: []int{4, 2, 1}, ranks: []int32{1, 2, 2}},
		{players: []int{3, 1, 2, 0}, ranks: []int32{1, 1, 3, 3}},
	} {
		var teams [][]Skill
		for _, p := range match.players {
			teams = append(teams, []Skill{players[p]})
		}
		after, err := m.Rate(teams, match.ranks)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range match.players {
			players[p] = after[i][0]
		}
	}
	near(t, [][]Skill{players[:]}, [][]Skill{{
		{26.353761103, 8.11102706}, {24.618479789, 7.90533551}, {23.065819512, 7.822005595}, {24.476332403, 8.106111471}, {26.385499685, 8.054090809},
	}}, 5e-3) // compared to two decimal places there
}

func TestModel_moved(t *testing.T) {
	before, after := Skill{25, 8}, Skill{27.1, 7.3}
	if got := before.Moved(before, after); got != after {
		t.Errorf("from the same skill: %v, want exactly %v", got, after)
	}
	got, want := (Skill{30, 4}).Moved(before, after), Skill{32.1, 4 * 7.3 / 8}
	near(t, each(got), each(want), 1e-12)
	if got := (Skill{MaxMu, MinSigma}).Moved(before, after); !got.Valid() {
		t.Errorf("%v is out of bounds", got)
	}
}

func TestRate_refusesInvalidInput(t *testing.T) {
	many := make([][]Skill, MaxTeams+1)
	for i := range many {
		many[i] = newcomer3[:1]
	}
	tests := []struct {
		name  string
		teams [][]Skill
		ranks []int32
		want  string
	}{
		{name: "nobody", want: "at least two"},
		{name: "one team", teams: each(newcomer), ranks: []int32{1}, want: "at least two"},
		{name: "a rank is missing", teams: each(newcomer, newcomer), ranks: []int32{1}, want: "2 teams and 1 ranks"},
		{name: "an empty team", teams: [][]Skill{{newcomer}, {}}, ranks: []int32{1, 2}, want: "team 1 is empty"},
		{name: "too many teams", teams: many, ranks: make([]int32, len(many)), want: "limit of 1000"},
		{name: "too many players", teams: [][]Skill{make([]Skill, 1), make([]Skill, MaxPlayers)}, ranks: []int32{1, 2}, want: "out of bounds"},
		{name: "not a number", teams: each(newcomer, Skill{math.NaN(), 1}), ranks: []int32{1, 2}, want: "team 1, player 0"},
		{name: "no uncertainty", teams: each(newcomer, Skill{25, 0}), ranks: []int32{1, 2}, want: "out of bounds"},
		{name: "infinite", teams: each(Skill{math.Inf(1), 1}, newcomer), ranks: []int32{1, 2}, want: "team 0, player 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Default().Rate(test.teams, test.ranks); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want an error with %q", err, test.want)
			}
		})
	}
	crowd := make([]Skill, MaxPlayers)
	for i := range crowd {
		crowd[i] = newcomer
	}
	if _, err := Default().Rate([][]Skill{crowd, {newcomer}}, []int32{1, 2}); err == nil {
		t.Fatal("more players than the limit were rated")
	}
	if _, err := Default().Rate(many[:MaxTeams], make([]int32, MaxTeams)); err != nil {
		t.Fatalf("as many teams as the limit: %v", err)
	}
}

func TestModel_reportsAllMistakes(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	err := Model{Initial: Skill{math.NaN(), 1}, Beta: -1, Kappa: 2, Tau: math.Inf(1)}.Validate()
	for _, want := range []string{"initial skill", "beta", "kappa", "tau"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestPoints_scale(t *testing.T) {
	if p, u := newcomer.Points(), newcomer.Uncertainty(); p != 1500 || math.Abs(u-500) > 1e-9 {
		t.Errorf("a beginner has %v ± %v points, want 1500 ± 500", p, u)
	}
	if p := (Skill{26, 1}).Points(); p != 1560 {
		t.Errorf("one mu more is %v points, want 1560", p)
	}
	if p := ToPoints(newcomer.Conservative()); math.Abs(p) > 1e-9 {
		t.Errorf("a beginner is on the leaderboard with %v points, want 0", p)
	}
}
