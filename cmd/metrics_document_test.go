package tactuscmd

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tactus/game/arena"
	"tactus/matchmaker"
	"tactus/server"
)

// described collects the names of all metrics that are registered with it.
type described struct {
	prometheus.Registerer
	names map[string]bool
}

var metricName = regexp.MustCompile(`fqName: "([a-z0-9_]+)"`)

func (d *described) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 1000)
	c.Describe(descs)
	close(descs)
	for desc := range descs {
		d.names[metricName.FindStringSubmatch(desc.String())[1]] = true
	}
	return d.Registerer.Register(c)
}

func (d *described) MustRegister(list ...prometheus.Collector) {
	for _, c := range list {
		if err := d.Register(c); err != nil {
			panic(err)
		}
	}
}

// Both parts of `tactus dev` register with one registry, and the document has
// every metric of theirs and no other.
func TestMetrics_areDocumented(t *testing.T) {
	reg := &described{Registerer: prometheus.NewRegistry(), names: make(map[string]bool)}
	if _, err := matchmaker.New(matchmaker.Config{Registerer: reg, RecordDir: t.TempDir()}, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(server.Config{Registerer: reg}, zap.NewNop(), arena.Game); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### All metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `(tactus_[a-z0-9_]+)").FindAllStringSubmatch(section, -1) {
		if rows[row[1]] {
			t.Errorf("docs/operations.md has two rows for %s", row[1])
		}
		rows[row[1]] = true
	}
	for name := range reg.names {
		if !rows[name] {
			t.Errorf("docs/operations.md has no row for %s", name)
		}
	}
	for name := range rows {
		if !reg.names[name] {
			t.Errorf("docs/operations.md has %s, which is no metric", name)
		}
	}
	if len(reg.names) == 0 {
		t.Error("no metrics")
	}
}
