package matchmaker_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"tactus/matchmaker/internal/rules"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// The tables of the references in docs are complete, and name nothing that does
// not exist. The commands of the other pages are run in cmd.
const (
	rulesPage   = "matchmaking-rules.md"
	ticketsPage = "matchmaking-tickets.md"
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

func TestPages_haveEveryEnding(t *testing.T) {
	part := section(t, ticketsPage, "A ticket's life")
	for number, name := range matchmakerv1.EndReason_name {
		reason := strings.TrimPrefix(name, "END_REASON_")
		if number != 0 && (!strings.Contains(part, "\n| `"+reason+"` |") || strings.Count(part, reason) < 2) {
			t.Errorf("%s is missing in the table or in the drawing", reason)
		}
	}
}

func TestPages_haveAllThatASearchWaitsFor(t *testing.T) {
	part := section(t, ticketsPage, "What a search waits for")
	for number, name := range matchmakerv1.WaitingFor_name {
		if why := strings.TrimPrefix(name, "WAITING_FOR_"); number != 0 && !strings.Contains(part, "\n| `"+why+"` |") {
			t.Errorf("%s is missing", why)
		}
	}
}

func TestPages_haveEveryRule(t *testing.T) {
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
