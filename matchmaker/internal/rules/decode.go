package rules

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills structs from a YAML tree. Unlike the library's decoder it continues
// after a mistake, so that all are reported. It remembers the line of each path, for
// mistakes that are found later.
type decoder struct {
	report *report
}

var durationType = reflect.TypeFor[time.Duration]()

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

func (d *decoder) decode(n ast.Node, into reflect.Value, path string) {
	if n == nil {
		return
	}
	if _, ok := d.report.lines[path]; !ok {
		d.report.lines[path] = lineOf(n)
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.report.add(path, "anchors, aliases and tags are not supported here: write the value itself")
		return
	case *ast.NullNode:
		return // as if the field were missing
	}
	switch {
	case into.Type() == durationType:
		d.duration(n, into, path)
	case into.Kind() == reflect.Pointer:
		value := reflect.New(into.Type().Elem())
		d.decode(n, value.Elem(), path)
		into.Set(value)
	case into.Kind() == reflect.Struct:
		d.mapping(n, into, path)
	case into.Kind() == reflect.Slice:
		d.sequence(n, into, path)
	default:
		d.scalar(n, into, path)
	}
}

// fields are the fields of a struct by their names in files.
func fields(t reflect.Type) (names []string, index map[string]int) {
	index = make(map[string]int)
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			names = append(names, name)
			index[name] = i
		}
	}
	return names, index
}

func (d *decoder) mapping(n ast.Node, into reflect.Value, path string) {
	mapping, ok := n.(ast.MapNode)
	if !ok {
		d.wrongType(n, path, "fields, each as name: value")
		return
	}
	names, index := fields(into.Type())
	seen := make(map[string]int)
	for pairs := mapping.MapRange(); pairs.Next(); {
		key := pairs.Key()
		text, ok := key.(*ast.StringNode)
		if !ok {
			at := join(path, key.String())
			d.report.lines[at] = lineOf(key)
			d.report.add(at, "not a field's name; known are %s", strings.Join(names, ", "))
			continue
		}
		at := join(path, text.Value)
		line := lineOf(key)
		if first, twice := seen[text.Value]; twice {
			d.report.problems = append(d.report.problems, Problem{
				File: d.report.file, Line: line, Path: at, Message: fmt.Sprintf("given twice, first in line %d", first),
			})
			continue
		}
		seen[text.Value] = line
		d.report.lines[at] = line
		field, ok := index[text.Value]
		if !ok {
			d.report.add(at, "unknown field; known are %s", strings.Join(names, ", "))
			continue
		}
		d.decode(pairs.Value(), into.Field(field), at)
	}
}

func (d *decoder) sequence(n ast.Node, into reflect.Value, path string) {
	sequence, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrongType(n, path, "a list")
		return
	}
	list := reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values))
	for i, value := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if value != nil {
			d.report.lines[at] = lineOf(value)
		}
		d.decode(value, list.Index(i), at)
	}
	into.Set(list)
}

func (d *decoder) scalar(n ast.Node, into reflect.Value, path string) {
	switch into.Kind() {
	case reflect.String:
		switch n := n.(type) {
		case *ast.StringNode:
			into.SetString(n.Value)
		case *ast.LiteralNode:
			into.SetString(strings.TrimSuffix(n.Value.Value, "\n"))
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
			d.report.add(path, `has to be text: write "%s", in quotes`, n.GetToken().Value)
		default:
			d.wrongType(n, path, "text")
		}
	case reflect.Bool:
		if n, ok := n.(*ast.BoolNode); ok {
			into.SetBool(n.Value)
			return
		}
		d.wrongType(n, path, "true or false")
	case reflect.Int:
		if n, ok := n.(*ast.IntegerNode); ok {
			if value, err := strconv.ParseInt(n.Token.Value, 0, 32); err == nil {
				into.SetInt(value)
				return
			}
		}
		d.wrongType(n, path, "a whole number")
	case reflect.Float64:
		if value, err := strconv.ParseFloat(n.GetToken().Value, 64); err == nil && isPlain(n) {
			into.SetFloat(value)
			return
		}
		d.wrongType(n, path, "a number")
	default:
		panic("rules: a queue has a field of a type that files can't hold: " + into.Type().String())
	}
}

// isPlain reports whether a scalar has no quotes. 1e3 is a number in JSON and text in
// YAML.
func isPlain(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	case *ast.StringNode:
		return n.Token.Type == token.StringType
	}
	return false
}

func (d *decoder) duration(n ast.Node, into reflect.Value, path string) {
	text, ok := n.(*ast.StringNode)
	if !ok {
		d.wrongType(n, path, "a duration with its unit, such as 10s, 150ms or 2m")
		return
	}
	value, err := time.ParseDuration(text.Value)
	if err != nil {
		d.wrongType(n, path, "a duration with its unit, such as 10s, 150ms or 2m")
		return
	}
	into.SetInt(int64(value))
}

func (d *decoder) wrongType(n ast.Node, path, want string) {
	got := ""
	switch n := n.(type) {
	case ast.MapNode:
		got = "fields"
	case *ast.SequenceNode:
		got = "a list"
	default:
		got = n.GetToken().Value
		if r := []rune(got); len(r) > 40 {
			got = string(r[:40]) + "…"
		}
		got = strconv.Quote(got)
	}
	d.report.add(path, "has to be %s; got %s", want, got)
}
