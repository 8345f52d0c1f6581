package population

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tactus/matchmaker/internal/rehearsal/recording"
)

var update = flag.Bool("update", false, "write the golden files")

func generated(t *testing.T, cfg Config) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Generate(context.Background(), &out, cfg); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// searches reads a population as a rehearsal does.
func searches(t *testing.T, cfg Config) *recording.Searches {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.jsonl")
	if err := os.WriteFile(path, generated(t, cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := recording.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var everything = Config{
	Queue: "ranked", Rate: "60/m", For: 8 * time.Second, Skill: "normal(1200,150)=0.7,normal(1900,200)=0.3", Parties: "1=0.6,2=0.4",
	Regions: "eu=0.6,us=0.3,asia=0.1", Attributes: []string{"language=en:0.6,en+de:0.4", "device=pad:0.5,mouse:0.5"},
	Versions: "1.2=0.5,1.3=0.5", Patience: 5 * time.Second, Seed: 7,
}

// The same seed gives the same bytes: a population can be named by its command.
func TestGenerate_writesGolden(t *testing.T) {
	got := generated(t, everything)
	golden := filepath.Join("testdata", "everything.golden.jsonl")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	other := everything
	other.Seed++
	if bytes.Equal(generated(t, other), want) {
		t.Error("another seed gives the same")
	}
}

// A population is what its config says.
func TestGenerate_followsConfig(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	s := searches(t, Config{
		Rate: "100/s", For: 100 * time.Second, Skill: "normal(1500,300)", Parties: "1=0.7,2=0.2,5=0.1",
		Regions: "eu=0.6,us=0.3,asia=0.1", Attributes: []string{"language=en:0.6,de:0.4"}, Patience: time.Minute, Seed: 1,
	})
	about := func(what string, got, want, tolerance float64) {
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	n := float64(len(s.List))
	about("searches", n, 10_000, 400) // a Poisson number: 4 deviations
	var skill, squares, patience float64
	count := make(map[string]float64)
	homes := make(map[string][]float64)
	gaps := 0.0
	for i, search := range s.List {
		g := search.Group
		skill += g.Players[0].Skill
		squares += g.Players[0].Skill * g.Players[0].Skill
		patience += search.Wait.Seconds()
		count[fmt.Sprint("party of ", len(g.Players))]++
		count[g.Attributes["language"][0]]++
		home := "eu"
		for region := range g.Latency {
			if g.Latency[region] < g.Latency[home] {
				home = region
			}
		}
		count[home]++
		homes[home] = append(homes[home], float64(g.Latency["eu"].Milliseconds()))
		if i > 0 {
			gap := g.Created.Sub(s.List[i-1].Group.Created).Seconds()
			gaps += gap * gap
		}
		if search.Reason != recording.ReasonCancelled {
			t.Fatalf("%s has no patience", g.ID)
		}
	}
	about("mean skill", skill/n, 1500, 12)
	about("skill's deviation", math.Sqrt(squares/n-(skill/n)*(skill/n)), 300, 8)
	about("mean patience", patience/n, 60, 2.5)
	for name, want := range map[string]float64{
		"party of 1": .7, "party of 2": .2, "party of 5": .1, "en": .6, "de": .4, "eu": .6, "us": .3, "asia": .1,
	} {
		about("share of "+name, count[name]/n, want, .015)
	}
	// Gaps of a Poisson process are exponential: the mean of their squares is
	// twice the square of their mean.
	about("squared gaps", gaps/n, 2*0.01*0.01, 0.00001)
	for home, want := range map[string]float64{"eu": 20, "us": 110, "asia": 200} {
		slices.Sort(homes[home])
		about("median latency to eu from "+home, homes[home][len(homes[home])/2], want, 3)
	}
}

// Friends differ less than strangers.
func TestGenerate_keepsPartiesClose(t *testing.T) {
	s := searches(t, Config{Rate: "100/s", For: time.Minute, Parties: "2", PartySpread: 50, Patience: -1})
	sum := 0.0
	for _, search := range s.List {
		difference := search.Group.Players[0].Skill - search.Group.Players[1].Skill
		sum += difference * difference
		if search.Reason != "" {
			t.Fatalf("%s gave up with endless patience", search.Group.ID)
		}
	}
	if got := math.Sqrt(sum / float64(len(s.List))); math.Abs(got-50) > 2 {
		t.Errorf("members differ by %.1f, want 50", got)
	}
	for _, search := range searches(t, Config{Parties: "3", PartySpread: -1, For: 10 * time.Second}).List {
		if p := search.Group.Players; p[0].Skill != p[1].Skill || p[1].Skill != p[2].Skill {
			t.Fatalf("%v differ without a spread", p)
		}
	}
}

// Every mistake is told at once, before anything is written.
func TestConfig_namesEveryMistake(t *testing.T) {
	var out bytes.Buffer
	err := Generate(context.Background(), &out, Config{
		Queue: "Ranked!", Rate: "fast", For: -1, Skill: "gauss", Access: "20", Parties: "0=1", Regions: "eu=x", RegionDistance: -1,
		Versions: "=1", Attributes: []string{"language", "device=pad:-1"},
	})
	if err == nil || out.Len() > 0 {
		t.Fatalf("%v, %d bytes", err, out.Len())
	}
	for _, want := range []string{
		`queue "Ranked!": want up to 48`, `rate "fast": want a number above 0 per s, m or h`, "want a time above 0", "skill ", "access ",
		`parties "0": want a number of players`, "regions ", "region distance -1ns is below 0", "versions ",
		`attribute "language": want name=value:share`, "attribute device: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := Generate(context.Background(), &out, Config{Rate: "1000000/s", For: time.Hour}); err == nil {
		t.Error("3.6 billion searches were begun")
	}
}

func TestGenerate_endsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Generate(ctx, &bytes.Buffer{}, Config{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
