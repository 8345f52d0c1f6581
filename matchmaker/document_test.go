package matchmaker_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/rules"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// The tables of docs/matchmaking.md are complete, and name nothing that there is
// not. What it tells its reader to do is tested in cmd.

// Pages of docs with the tables.
const (
	rulesPage   = "matchmaking.md"
	ticketsPage = "matchmaking.md"
	reasonsPage = "matchmaking.md"
	metricsPage = "matchmaking.md"
)

// section is the part of a page of docs under a heading.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/%s has no section %q", page, heading)
	}
	part, _, _ := strings.Cut(after, "\n## ")
	return part
}

// rows are the cells of a section's tables.
func rows(part string) (list [][]string) {
	for line := range strings.Lines(part) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| ---") {
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			list = append(list, cells)
		}
	}
	return list
}

var quoted = regexp.MustCompile("`([^`]+)`")

func inQuotes(text string) (list []string) {
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestDocumentHasEveryReason(t *testing.T) {
	told := make(map[string][]string) // row, by reason
	for _, row := range rows(section(t, reasonsPage, "Refusals")) {
		if len(row) != 4 || row[0] == "code" {
			continue
		}
		for _, reason := range inQuotes(row[1]) {
			if listed[reason] != nil {
				t.Errorf("%s is there twice", reason)
			}
			listed[reason] = row
		}
	}
	for _, kind := range failure.All() {
		row := listed[string(kind.Reason)]
		delete(listed, string(kind.Reason))
		if row == nil {
			t.Errorf("%s is missing", kind.Reason)
			continue
		}
		again := "no"
		if kind.Retry > 0 {
			again = kind.Retry.String()
		}
		if code := upperSnake(kind.Code.String()); !slices.Contains(inQuotes(row[0]), code) || row[3] != again {
			t.Errorf("%s is listed to have %s and to be tried again: %s; it has %s, again: %s", kind.Reason, row[0], row[3], code, again)
		}
	}
	if len(listed) > 0 {
		t.Errorf("reasons that there are not: %v", listed)
	}
}

// upperSnake is a code's name as the .proto files have it.
func upperSnake(name string) string {
	name = strings.ReplaceAll(name, "Canceled", "Cancelled")
	return strings.ToUpper(regexp.MustCompile("([a-z])([A-Z])").ReplaceAllString(name, "${1}_$2"))
}

func TestDocumentHasEveryEnding(t *testing.T) {
	part := section(t, ticketsPage, "A ticket's life")
	for number, name := range matchmakerv1.EndReason_name {
		reason := strings.TrimPrefix(name, "END_REASON_")
		if number != 0 && (!strings.Contains(part, "\n| `"+reason+"` |") || strings.Count(part, reason) < 2) {
			t.Errorf("%s is missing in the table or in the drawing", reason)
		}
	}
}

func TestDocumentHasAllThatASearchWaitsFor(t *testing.T) {
	part := section(t, ticketsPage, "Quick play")
	for number, name := range matchmakerv1.WaitingFor_name {
		if why := strings.TrimPrefix(name, "WAITING_FOR_"); number != 0 && !strings.Contains(part, "\n| `"+why+"` |") {
			t.Errorf("%s is missing", why)
		}
	}
}

func TestDocumentHasEveryMetric(t *testing.T) {
	told := make(map[string]string)
	for _, row := range rows(section(t, metricsPage, "Metrics and the admin page")) {
		for _, metric := range inQuotes(row[0]) {
			name, labels, _ := strings.Cut(metric, "{")
			listed[name] = strings.TrimSuffix(labels, "}")
		}
	}
	delete(listed, "tactus_matchmaker_…")
	registered := &described{}
	if _, err := matchmaker.New(matchmaker.Config{Registerer: registered, RecordDir: t.TempDir()}, nil); err != nil {
		t.Fatal(err)
	}
	if len(registered.metrics) < 10 {
		t.Fatalf("only %d metrics", len(registered.metrics))
	}
	for name, labels := range registered.metrics {
		got, ok := listed[name]
		if !ok || got != labels {
			t.Errorf("%s has the labels %q, it is listed to have %q (%v)", name, labels, got, ok)
		}
		delete(listed, name)
	}
	if len(listed) > 0 {
		t.Errorf("metrics that there are not: %v", listed)
	}
}

// described notes the names and labels of the metrics that are registered.
type described struct {
	prometheus.Registerer
	metrics map[string]string
}

var description = regexp.MustCompile(`fqName: "tactus_matchmaker_(\w+)".*variableLabels: \{([^}]*)\}`)

func (d *described) Register(c prometheus.Collector) error {
	found := make(chan *prometheus.Desc, 16)
	c.Describe(found)
	close(found)
	if d.metrics == nil {
		d.metrics = make(map[string]string)
	}
	for desc := range found {
		if m := description.FindStringSubmatch(desc.String()); m != nil {
			d.metrics[m[1]] = m[2]
		}
	}
	return nil
}

func TestDocumentHasEveryRule(t *testing.T) {
	part := section(t, rulesPage, "All rules")
	for _, path := range rulePaths(reflect.TypeFor[rules.Queue](), "") {
		list, element, isElement := strings.Cut(path, "[].")
		switch {
		case isElement:
			at := strings.Index(part, "`"+list+"[]`")
			if row, _, _ := strings.Cut(part[max(at, 0):], "\n"); at < 0 || !strings.Contains(row, "`"+element+"`") {
				t.Errorf("%s is missing", path)
			}
		case !strings.Contains(part, "`"+path+"`"):
			t.Errorf("%s is missing", path)
		}
	}
}

// rulePaths lists all keys that a rules file may have.
func rulePaths(of reflect.Type, prefix string) (paths []string) {
	for field := range of.Fields() {
		name := field.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		typ := field.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case typ.Kind() == reflect.Struct:
			paths = append(paths, rulePaths(typ, prefix+name+".")...)
		case typ.Kind() == reflect.Slice:
			paths = append(paths, rulePaths(typ.Elem(), prefix+name+"[].")...)
		default:
			paths = append(paths, prefix+name)
		}
	}
	return paths
}
