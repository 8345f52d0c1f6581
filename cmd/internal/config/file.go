package config

import (
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/pflag"
)

// maxFileBytes bounds the size of a configuration file.
const maxFileBytes = 1 << 20

// file is a configuration file: flags by name, and sections of them.
type file struct {
	path     string
	top      map[string]ast.Node
	sections map[string]map[string]ast.Node
}

// readFile reads a file. Its keys must be names of flags.
func readFile(path string, all Sections) (*file, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), maxFileBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, top: make(map[string]ast.Node), sections: make(map[string]map[string]ast.Node)}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		// The lines around the mistake are left out: they may hold secrets.
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	if len(parsed.Docs) > 1 {
		return nil, fmt.Errorf("%s: more than one document", path)
	}
	if len(parsed.Docs) == 0 {
		return f, nil
	}
	return f, f.read(parsed.Docs[0].Body, all)
}

// read sorts the keys into top and sections.
func (f *file) read(body ast.Node, all Sections) error {
	known := all.names()
	for _, flags := range all {
		known = append(known, settableNames(flags)...)
	}
	var errs []error
	var err error
	if f.top, err = f.mapping(body, known); err != nil {
		errs = append(errs, err)
	}
	for name, flags := range all {
		body, ok := f.top[name]
		if !ok {
			continue
		}
		delete(f.top, name)
		if f.sections[name], err = f.mapping(body, settableNames(flags)); err != nil {
			errs = append(errs, fmt.Errorf("section %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func settableNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if settable(f) {
			names = append(names, f.Name)
		}
	})
	return names
}

// mapping returns the values of a mapping by their keys. Unknown keys are errors.
func (f *file) mapping(node ast.Node, known []string) (map[string]ast.Node, error) {
	values := make(map[string]ast.Node)
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return values, nil
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		return nil, fmt.Errorf("%s: want flags as `name: value`", f.at(node))
	}
	var errs []error
	for _, e := range entries {
		name, ok := scalar(e.Key)
		if near, distance := nearest(name, known); !ok || distance > 0 {
			errs = append(errs, fmt.Errorf("%s: unknown key %q; the nearest is %q", f.at(e.Key), name, near))
			continue
		}
		values[name] = e.Value
	}
	return values, errors.Join(errs...)
}

// at returns the position of a node, as file:line.
func (f *file) at(node ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, node.GetToken().Position.Line)
}

// value returns the value of a flag in the file. The section has precedence over the top.
// A key without a value means the default.
func (f *file) value(flag *pflag.Flag, section string) (value, error) {
	v := value{level: bySection}
	node, ok := f.sections[section][flag.Name]
	if !ok {
		v.level = byFile
		node, ok = f.top[flag.Name]
	}
	if _, empty := node.(*ast.NullNode); !ok || empty {
		return value{}, nil
	}
	v.source = f.at(node) + " " + flag.Name
	_, several := flag.Value.(pflag.SliceValue)
	if list, ok := node.(*ast.SequenceNode); ok && several {
		for _, item := range list.Values {
			text, ok := scalar(item)
			if !ok {
				return value{}, fmt.Errorf("%s: want a list of values", v.source)
			}
			v.list = append(v.list, text)
		}
		return v, nil
	}
	if v.text, ok = scalar(node); !ok {
		return value{}, fmt.Errorf("%s: want one value", v.source)
	}
	v.list = []string{v.text}
	return v, nil
}

// scalar returns a value as it is written, without quotes.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}
