package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"
)

// vocabulary looks for words in declared names.
type vocabulary struct {
	words    map[string]string // and what to use instead
	allowed  []exception
	findings []string
}

// exception is a name that may use a word, and where.
type exception struct {
	name, path string
	used       bool
}

func (v *vocabulary) directory(root, dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (e.Name() == "testdata" || e.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return v.file(path, filepath.ToSlash(rel))
	})
}

// file looks at the names that a file declares.
func (v *vocabulary) file(path, rel string) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(f) {
		return nil
	}
	name := strings.TrimSuffix(filepath.Base(rel), ".go")
	v.name(name, rel, rel)
	declarations(f, func(id *ast.Ident) {
		v.name(id.Name, rel, fmt.Sprintf("%s:%d", rel, set.Position(id.Pos()).Line))
	})
	return nil
}

// name looks at one name that is declared in a file.
func (v *vocabulary) name(name, file, at string) {
	for _, word := range split(name) {
		instead, listed := v.words[word]
		if !listed || v.allows(name, file) {
			continue
		}
		v.findings = append(v.findings, fmt.Sprintf("%s: %s: not %q but: %s", at, name, word, instead))
	}
}

func (v *vocabulary) allows(name, file string) bool {
	for i := range v.allowed {
		if e := &v.allowed[i]; e.name == name && inside(file, e.path) {
			e.used = true
			return true
		}
	}
	return false
}

// declarations calls f with each name that a file declares, of whatever scope.
func declarations(file *ast.File, f func(*ast.Ident)) {
	f(file.Name)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			f(n.Name)
		case *ast.TypeSpec:
			f(n.Name)
		case *ast.ImportSpec:
			if n.Name != nil {
				f(n.Name)
			}
		case *ast.Field: // of a struct, an interface, parameters, results, a receiver
			each(n.Names, f)
		case *ast.ValueSpec:
			each(n.Names, f)
		case *ast.LabeledStmt:
			f(n.Label)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				expressions(n.Lhs, f)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				expressions([]ast.Expr{n.Key, n.Value}, f)
			}
		}
		return true
	})
}

func each(names []*ast.Ident, f func(*ast.Ident)) {
	for _, id := range names {
		f(id)
	}
}

// expressions calls f with the identifiers among expressions that define them.
func expressions(list []ast.Expr, f func(*ast.Ident)) {
	for _, e := range list {
		if id, ok := e.(*ast.Ident); ok {
			f(id)
		}
	}
}

// split takes a name apart into its words in lower case: at an underscore, at a
// digit, before a capital behind a small letter, and before the last of several
// capitals when a small letter follows.
func split(name string) []string {
	var words []string
	runes := []rune(name)
	start := 0
	flush := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(string(runes[start:end])))
		}
		start = end
	}
	for i, c := range runes {
		switch {
		case !unicode.IsLetter(c):
			flush(i)
			start = i + 1
		case i == start || !unicode.IsUpper(c):
		case !unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			flush(i)
		}
	}
	flush(len(runes))
	return words
}
