package server_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A line of a path in docs/architecture.md: a function and the file that has it,
// indented below its caller.
type pathLine struct {
	depth int
	name  string // Type.method, or a function
	file  string // from the module's root
}

// readPath reads the block ```path NAME of docs/architecture.md.
func readPath(t *testing.T, name string) []pathLine {
	t.Helper()
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```path "+name+"\n")
	if !ok {
		t.Fatalf("docs/architecture.md has no path %q", name)
	}
	block, _, _ = strings.Cut(block, "```")
	var lines []pathLine
	for l := range strings.Lines(block) {
		fields := strings.Fields(l)
		if len(fields) != 2 {
			t.Fatalf("path %s: %q is not a function and its file", name, l)
		}
		lines = append(lines, pathLine{(len(l) - len(strings.TrimLeft(l, " "))) / 2, fields[0], fields[1]})
	}
	return lines
}

// called returns the names that a function's body, or an interface's method, uses.
func called(t *testing.T, l pathLine) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", l.file), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	typ, method, _ := strings.Cut(l.name, ".")
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == l.name || d.Recv != nil && d.Name.Name == method && receiverType(d.Recv.List[0].Type) == typ {
				return names(d.Body)
			}
		case *ast.GenDecl:
			if hasInterfaceMethod(d, typ, method) {
				return map[string]bool{}
			}
		}
	}
	return nil
}

func receiverType(e ast.Expr) string {
	if s, ok := e.(*ast.StarExpr); ok {
		e = s.X
	}
	if i, ok := e.(*ast.Ident); ok {
		return i.Name
	}
	return ""
}

func names(body ast.Node) map[string]bool {
	used := map[string]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		if i, ok := n.(*ast.Ident); ok {
			used[i.Name] = true
		}
		return true
	})
	return used
}

func hasInterfaceMethod(d *ast.GenDecl, typ, method string) bool {
	for _, s := range d.Specs {
		ts, ok := s.(*ast.TypeSpec)
		if !ok || ts.Name.Name != typ {
			continue
		}
		i, ok := ts.Type.(*ast.InterfaceType)
		if !ok {
			return false
		}
		for _, m := range i.Methods.List {
			if len(m.Names) > 0 && m.Names[0].Name == method {
				return true
			}
		}
	}
	return false
}

// checkPath checks that each function exists in its file and is named in the body
// of its caller, and returns the functions and the returns into a file that was
// left: lines that are not called by the line before, with a caller in another
// file.
func checkPath(t *testing.T, lines []pathLine) (functions, returns int) {
	t.Helper()
	distinct := map[string]bool{}
	var stack []pathLine
	for i, l := range lines {
		if l.depth > len(stack) {
			t.Fatalf("%s is indented below no caller", l.name)
		}
		stack = stack[:l.depth]
		if called(t, l) == nil {
			t.Errorf("%s has no %s", l.file, l.name)
			return 0, 0
		}
		if l.depth > 0 {
			caller := stack[l.depth-1]
			_, method, _ := strings.Cut(l.name, ".")
			if name := cmp.Or(method, l.name); !called(t, caller)[name] {
				t.Errorf("%s (%s) does not call %s", caller.name, caller.file, l.name)
			}
			if last := lines[i-1]; last.depth >= l.depth && last.file != caller.file {
				returns++
			}
		}
		distinct[l.file+" "+l.name] = true
		stack = append(stack, l)
	}
	return len(distinct), returns
}

func TestDocument_pathOfAnInput(t *testing.T) {
	lines := readPath(t, "input")
	if first, last := lines[0].name, lines[len(lines)-1].name; first != "Scheduler.work" || last != "World.Step" {
		t.Errorf("the path goes from %s to %s", first, last)
	}
	functions, _ := checkPath(t, lines)
	checkCount(t, "input", "functions", functions, 24)
}

func TestDocument_pathOfASnapshot(t *testing.T) {
	lines := readPath(t, "snapshot")
	_, returns := checkPath(t, lines)
	checkCount(t, "snapshot", "returns", returns, 11)
}

// checkCount compares a count with the limit and with the one that the document
// states below the path: "24 functions".
func checkCount(t *testing.T, path, what string, n, limit int) {
	t.Helper()
	if n > limit {
		t.Errorf("path %s has %d %s, want at most %d", path, n, what, limit)
	}
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```path "+path+"\n")
	stated := regexp.MustCompile(`(\d+) ` + what).FindString(rest)
	if want := strings.TrimSpace(stated); want != strings.TrimSpace(strconv.Itoa(n)+" "+what) {
		t.Errorf("docs/architecture.md states %q for the path %s, which has %d", want, path, n)
	}
}

var (
	placeLink = regexp.MustCompile(`\[[^\]]+\]\(\.\./([^)]+)\): ((?:` + "`[^`]+`" + `(?:, )?)+)`)
	placeName = regexp.MustCompile("`([^`]+)`")
)

// A reader of docs/architecture.md gets from a question to its code by one link, and
// the code has the names that stand beside the link.
func TestDocument_placesExist(t *testing.T) {
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Where to find it\n")
	if !ok {
		t.Fatal("docs/architecture.md does not say where to find things")
	}
	links := 0
	for row := range strings.Lines(section) {
		for _, m := range placeLink.FindAllStringSubmatch(row, -1) {
			links++
			code, err := os.ReadFile(filepath.Join("..", m[1]))
			if err != nil {
				t.Error(err)
			}
			for _, name := range placeName.FindAllStringSubmatch(m[2], -1) {
				if !regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(name[1]) + `(\W|$)`).Match(code) {
					t.Errorf("%s has no %s", m[1], name[1])
				}
			}
		}
	}
	if links < 8 {
		t.Errorf("only %d places were found", links)
	}
}
