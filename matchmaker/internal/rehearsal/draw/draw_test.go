package draw

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Each distribution has the mean and the spread that its parameters say.
func TestDistribution_hasMeanAndDeviation(t *testing.T) {
	tests := []struct {
		text            string
		mean, deviation float64
	}{
		{"1500", 1500, 0},
		{"constant(7)", 7, 0},
		{"uniform(0,12)", 6, 12 / math.Sqrt(12)},
		{"normal(1500, 300)", 1500, 300},
		{"exponential(40)", 40, 40},
		{"lognormal(20,0.5)", 20 * math.Exp(0.125), 20 * math.Exp(0.125) * math.Sqrt(math.Exp(0.25)-1)},
		{"normal(1000,0)=3,normal(2000,0)=1", 1250, math.Sqrt(0.75*0.25) * 1000},
	}
	for _, tt := range tests {
		d, err := ParseDistribution(tt.text, Number)
		if err != nil {
			t.Fatal(err)
		}
		r, n := seeded(), 100_000
		var sum, squares float64
		for range n {
			x := d.Draw(r)
			sum, squares = sum+x, squares+x*x
		}
		mean := sum / float64(n)
		deviation := math.Sqrt(max(squares/float64(n)-mean*mean, 0))
		if math.Abs(mean-tt.mean) > 0.02*math.Max(tt.mean, 1) || math.Abs(deviation-tt.deviation) > 0.02*math.Max(tt.deviation, 1) {
			t.Errorf("%s: mean %.2f and deviation %.2f, want %.2f and %.2f", tt.text, mean, deviation, tt.mean, tt.deviation)
		}
	}
}

func TestDistribution_drawsDurations(t *testing.T) {
	d, err := ParseDistribution("lognormal(5m,0)", Duration)
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(d.Draw(seeded())); got != 5*time.Minute {
		t.Errorf("drew %v, want 5m", got)
	}
	if _, err := ParseDistribution("normal(5m,3)", Duration); err == nil {
		t.Error("a deviation without a unit was taken")
	}
}

func TestShares_areKept(t *testing.T) {
	s, err := ParseShares("eu=6, us=3,asia=1,moon=0", "=")
	if err != nil {
		t.Fatal(err)
	}
	r, n := seeded(), 100_000
	counts := make([]int, 4)
	for range n {
		counts[s.Draw(r)]++
	}
	for i, want := range []float64{.6, .3, .1, 0} {
		if got := float64(counts[i]) / float64(n); math.Abs(got-want) > 0.01 {
			t.Errorf("%s has %.3f of the draws, want %.1f", s.Names()[i], got, want)
		}
	}
}

// A mistake is named so that it can be mended.
func TestParse_namesMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "is not a number",
		"gauss(1,2)":                   "is no distribution; want",
		"normal(1,2":                   "is no distribution; want",
		"normal(1)":                    "has 1 parameters, want 2",
		"normal(1,-2)":                 "below 0",
		"normal(x,2)":                  `"x" is not a number`,
		"uniform(3,1)":                 "down to",
		"exponential(-1)":              "below 0",
		"lognormal(0,1)":               "not above 0",
		"NaN":                          "is not a number",
		"normal(1,2),normal(3,4)=0.5":  "has no share",
		"normal(1,2)=0,normal(3,4)=0":  "all 0",
		"normal(1,2)=-1,normal(3,4)=2": "below 0",
	} {
		if _, err := ParseDistribution(text, Number); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("distribution %q: %v, want something with %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "name is missing", "eu=1,eu=2": "named twice", "eu=x": "not a number", "eu=0": "all 0", "eu=-1": "below 0", "=1": "name is missing",
	} {
		if _, err := ParseShares(text, "="); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("shares %q: %v, want something with %q", text, err, want)
		}
	}
}
