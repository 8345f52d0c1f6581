package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Parse reads the rules of one queue, in YAML or JSON, fills in the defaults and checks
// them. The name is the file's, for errors. The error is [Problems], with all mistakes.
func Parse(name string, data []byte) (*Queue, error) {
	queues, err := ParseAll(name, data)
	if err != nil {
		return nil, err
	}
	if len(queues) != 1 {
		return nil, Problems{{File: name, Message: fmt.Sprintf("has to hold the rules of one queue; it holds %d", len(queues))}}
	}
	return queues[0], nil
}

// ParseAll is [Parse] for a file with several queues, each a YAML document. Two queues
// with one name are a mistake.
func ParseAll(name string, data []byte) ([]*Queue, error) {
	queues, problems := parseFile(name, data)
	return finish(queues, problems)
}

// Load reads files and folders. In a folder it reads all files that end in .yaml, .yml
// or .json, in order of their names, without folders inside. The error is [Problems],
// with all mistakes of all files, or names the file that can't be read.
func Load(paths ...string) ([]*Queue, error) {
	files, err := expand(paths)
	if err != nil {
		return nil, err
	}
	var queues []located
	var problems Problems
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		more, wrong := parseFile(file, data)
		queues = append(queues, more...)
		problems = append(problems, wrong...)
	}
	return finish(queues, problems)
}

// expand lists the files of all paths, each once.
func expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(path))
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		for _, entry := range entries {
			ending := strings.ToLower(filepath.Ext(entry.Name()))
			if !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, ending) {
				files = append(files, filepath.Join(path, entry.Name()))
			}
		}
	}
	seen := make(map[string]bool, len(files))
	return slices.DeleteFunc(files, func(file string) bool {
		twice := seen[file]
		seen[file] = true
		return twice
	}), nil
}

// located is a queue and its place in a file.
type located struct {
	queue *Queue
	file  string
	line  int
}

func finish(found []located, problems Problems) ([]*Queue, error) {
	byName := make(map[string]located)
	queues := make([]*Queue, 0, len(found))
	for _, l := range found {
		queues = append(queues, l.queue)
		if first, twice := byName[l.queue.Name]; !twice {
			byName[l.queue.Name] = l
		} else if l.queue.Name != "" {
			problems = append(problems, Problem{
				File: l.file, Line: l.line, Path: "queue",
				Message: fmt.Sprintf("there is a queue %q already, in %s:%d; names have to differ", l.queue.Name, first.file, first.line),
			})
		}
	}
	if len(queues) > maxQueues {
		problems = append(problems, Problem{Message: fmt.Sprintf("there are %d queues; at most %d are supported", len(queues), maxQueues)})
	}
	if err := problems.orNil(); err != nil {
		return nil, err
	}
	return queues, nil
}

func parseFile(name string, data []byte) ([]located, Problems) {
	if len(data) > maxFileBytes {
		return nil, Problems{{File: name, Message: fmt.Sprintf("has %d bytes; rules files are read up to %d", len(data), maxFileBytes)}}
	}
	file, err := parseTree(data)
	if err != nil {
		return nil, Problems{syntaxProblem(name, err)}
	}
	var found []located
	var problems Problems
	for _, document := range file.Docs {
		if isEmpty(document.Body) {
			continue
		}
		r := newReport(name)
		q := new(Queue)
		d := decoder{report: r}
		d.decode(document.Body, reflect.ValueOf(q).Elem(), "")
		q.complete(r)
		found = append(found, located{queue: q, file: name, line: r.line("queue")})
		problems = append(problems, r.problems...)
	}
	if len(found) == 0 {
		problems = append(problems, Problem{File: name, Message: "holds no queue"})
	}
	return found, problems
}

// parseTree parses YAML. A panic of the YAML library becomes an error.
func parseTree(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("not YAML that can be read: %v", r)
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

func isEmpty(n ast.Node) bool {
	switch n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode, *ast.DirectiveNode:
		return true
	}
	return false
}

func syntaxProblem(name string, err error) Problem {
	p := Problem{File: name, Message: "not YAML or JSON: " + err.Error()}
	if syntax, ok := err.(yaml.Error); ok { //nolint:errorlint // the parser returns it bare
		p.Message = "not YAML or JSON: " + syntax.GetMessage()
		if token := syntax.GetToken(); token != nil && token.Position != nil {
			p.Line = token.Position.Line
		}
	}
	return p
}
