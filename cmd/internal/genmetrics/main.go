// Command genmetrics prints the table of metrics in docs/metrics.md.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"tactus/cmd/internal/adminport"
	"tactus/game/arena"
	"tactus/matchmaker"
	"tactus/server"
)

//go:generate sh -c "go run . | go run ../../../internal/docblock ../../../docs/metrics.md metrics"

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "genmetrics:", err)
		os.Exit(1)
	}
}

// run registers the metrics of both parts of `tactus dev` and writes a row for each.
func run(w io.Writer) error {
	folder, err := os.MkdirTemp("", "genmetrics")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	reg := &registry{metrics: map[string]metric{}}
	if _, err := matchmaker.New(matchmaker.Config{Registerer: reg, RecordDir: folder}, zap.NewNop()); err != nil {
		return err
	}
	if _, err := server.New(server.Config{Registerer: reg}, zap.NewNop(), arena.Game); err != nil {
		return err
	}
	if _, err := adminport.NewMetrics(reg); err != nil {
		return err
	}
	if len(reg.metrics) == 0 {
		return errors.New("no metrics")
	}
	rows := make([]metric, 0, len(reg.metrics))
	for _, m := range reg.metrics {
		rows = append(rows, m)
	}
	slices.SortFunc(rows, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	fmt.Fprint(w, "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	for _, m := range rows {
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labels, m.help)
	}
	return nil
}

// metric is one row of the table.
type metric struct{ name, kind, labels, help string }

// registry notes the metrics that are registered with it.
type registry struct{ metrics map[string]metric }

// Register implements [prometheus.Registerer].
func (r *registry) Register(c prometheus.Collector) error {
	descriptions := make(chan *prometheus.Desc, 1000)
	c.Describe(descriptions)
	close(descriptions)
	for d := range descriptions {
		m, err := describe(d, c)
		if err != nil {
			return err
		}
		r.metrics[m.name] = m
	}
	return nil
}

// MustRegister implements [prometheus.Registerer].
func (r *registry) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister implements [prometheus.Registerer].
func (r *registry) Unregister(prometheus.Collector) bool { return false }

var (
	description = regexp.MustCompile(`fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), (?:unit: "[^"]*", )?constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	labelValue  = regexp.MustCompile(`="[^"]*"`)
)

// describe reads the text of a description: it has no other way in.
func describe(d *prometheus.Desc, c prometheus.Collector) (metric, error) {
	found := description.FindStringSubmatch(d.String())
	if found == nil {
		return metric{}, fmt.Errorf("unknown description %s", d)
	}
	name, nameErr := strconv.Unquote(found[1])
	help, helpErr := strconv.Unquote(found[2])
	if err := errors.Join(nameErr, helpErr); err != nil {
		return metric{}, fmt.Errorf("%s: %w", d, err)
	}
	var labels []string
	for _, list := range []string{labelValue.ReplaceAllString(found[3], ""), found[4]} {
		for label := range strings.SplitSeq(list, ",") {
			if label = strings.TrimSpace(label); label != "" {
				labels = append(labels, "`"+label+"`")
			}
		}
	}
	return metric{name: name, kind: kindOf(c, name), labels: strings.Join(labels, ", "), help: help}, nil
}

// kindOf returns the type of a metric. A collector without metrics yet counts as a
// gauge unless its name says otherwise.
func kindOf(c prometheus.Collector, name string) string {
	switch c.(type) {
	case *prometheus.HistogramVec:
		return "histogram"
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	}
	metrics := make(chan prometheus.Metric, 1000)
	c.Collect(metrics)
	close(metrics)
	var written dto.Metric
	if m, ok := <-metrics; ok && m.Write(&written) == nil {
		switch {
		case written.GetHistogram() != nil:
			return "histogram"
		case written.GetCounter() != nil:
			return "counter"
		}
	} else if strings.HasSuffix(name, "_total") {
		return "counter"
	}
	return "gauge"
}
