package text_test

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tactus/internal/text"
)

func TestShownNames_Add(t *testing.T) {
	var seated text.ShownNames
	long := strings.Repeat("x", 24)
	for _, tt := range [][2]string{
		{"Ann", "Ann"},
		{"Ann", "Ann 2"},
		{"ann", "ann 3"},
		{"Аnn", "Аnn 4"},
		{"Ann 2", "Ann 2 2"},
		{"Bob", "Bob"},
		{"Cy 2", "Cy 2"},
		{"Cy", "Cy"},
		{"Cy", "Cy 3"},
		{long, long},
		{long, strings.Repeat("x", 22) + " 2"},
		{strings.Repeat("y", 21) + "👨\u200d👩", strings.Repeat("y", 21) + "👨\u200d👩"},
		{strings.Repeat("y", 21) + "👨\u200d👩", strings.Repeat("y", 21) + " 2"},
		{strings.Repeat("𐐀", 24), strings.Repeat("𐐀", 24)},
		{strings.Repeat("𐐀", 24), strings.Repeat("𐐀", 22) + " 2"},
		{"", ""},
		{"", ""},
	} {
		got := seated.Add(tt[0])
		if got.Name != tt[1] || got.Asked != tt[0] || text.Name(got.Name) != got.Name {
			t.Errorf("%q becomes %q, want %q", tt[0], got.Name, tt[1])
		}
	}
}

func TestShownNames_givesNumbersAgain(t *testing.T) {
	var seated text.ShownNames
	var all []text.Shown
	for n := range 1000 { // as many as a big match has
		got := seated.Add("Ann")
		if n > 0 && got.Name != fmt.Sprint("Ann ", n+1) {
			t.Fatalf("%q, want Ann %d", got.Name, n+1)
		}
		all = append(all, got)
	}
	for _, n := range []int{700, 300, 0} { // leave
		seated.Remove(all[n])
	}
	for _, want := range []string{"Ann", "Ann 301", "Ann 701", "Ann 1001"} {
		if got := seated.Add("Ann"); got.Name != want {
			t.Fatalf("%q, want %q", got.Name, want)
		}
	}
}

// given is a name as a plain search through all others finds it.
type given struct {
	name, asked string
	number      int
}

func search(name string, others []given) given {
	g := given{name, name, 1}
	taken := func() bool {
		return slices.ContainsFunc(others, func(o given) bool { return text.LookOf(o.name).Like(text.LookOf(g.name)) })
	}
	used := func() bool {
		return slices.ContainsFunc(others, func(o given) bool {
			return o.number == g.number && text.LookOf(o.asked).Like(text.LookOf(name))
		})
	}
	for n := 2; taken(); n++ {
		if g.number = n; used() {
			continue
		}
		suffix := " " + strconv.Itoa(n)
		g.name = text.Name(string([]rune(name)[:min(len([]rune(name)), text.MaxName-len(suffix))])) + suffix
	}
	return g
}

// TestShownNames_matchesSearch: a set gives the names that a search through all
// others finds, while some are removed.
func TestShownNames_matchesSearch(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var set text.ShownNames
		var shown []text.Shown
		var want []given
		for range 30 {
			if len(want) > 0 && rapid.IntRange(0, 3).Draw(r, "leave") == 0 {
				i := rapid.IntRange(0, len(want)-1).Draw(r, "who")
				set.Remove(shown[i])
				shown, want = slices.Delete(shown, i, i+1), slices.Delete(want, i, i+1)
				continue
			}
			name := rapid.SampledFrom([]string{"Ann", "ann", "Аnn", "Ann 2", "Ann 3", "ann 2 2", "rn", "m", "m 2", "Il", "ll", "11 2"}).Draw(r, "name")
			g, s := search(name, want), set.Add(name)
			if s.Name != g.name {
				r.Fatalf("%q becomes %q, want %q beside %v", name, s.Name, g.name, want)
			}
			shown, want = append(shown, s), append(want, g)
		}
	})
}

func TestShownNames_areClean(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var set text.ShownNames
		var seated []text.Shown
		for range 10 {
			name := text.Name(rapid.SampledFrom([]string{"Ann", "Ann 2", "Ann 3", "ann 2 2"}).Draw(r, "known") + rapid.String().Draw(r, "new"))
			got := set.Add(name)
			if text.Name(got.Name) != got.Name || utf8.RuneCountInString(got.Name) > text.MaxName {
				r.Errorf("%+q becomes %+q", name, got.Name)
			}
			for _, other := range seated {
				if text.LookOf(other.Name).Like(text.LookOf(got.Name)) {
					r.Errorf("%q and %q", other.Name, got.Name)
				}
			}
			seated = append(seated, got)
		}
	})
}

func BenchmarkShownNames(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n, "-alike"), func(b *testing.B) {
			for b.Loop() {
				var seated text.ShownNames
				for range n {
					seated.Add("Ann")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/name")
		})
	}
}

// A server holds thousands of matches with the names of their players.
func TestShownNames_takesFewBytes(t *testing.T) {
	const (
		sets, names = 500, 16
		most        = 24 // bytes of a name
	)
	var asked [names]string
	for i, r := range "ABCDEFGHJKMNPQRS" { // no two of which look alike
		asked[i] = fmt.Sprintf("Player %c", r)
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	all := make([]text.ShownNames, sets)
	before := heap()
	for i := range all {
		for _, name := range asked {
			all[i].Add(name)
		}
	}
	if each := (heap() - before) / (sets * names); each > most {
		t.Errorf("%d bytes for each name, at most %d are allowed", each, most)
	}
	runtime.KeepAlive(all)
}
