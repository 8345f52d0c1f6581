package config

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"
)

// Print writes every value and its source. Secrets are masked.
func (s *Settings) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FLAG\tVALUE\tFROM")
	s.flags.VisitAll(func(f *pflag.Flag) {
		if !settable(f) {
			return
		}
		source := s.given[f.Name].source
		if source == "" {
			source = "default"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Name, shown(f), source)
	})
	return table.Flush()
}

// shown returns a flag's value for display: a list with commas, a dash for an empty value.
func shown(f *pflag.Flag) string {
	text := f.Value.String()
	if several, ok := f.Value.(pflag.SliceValue); ok {
		text = strings.Join(several.GetSlice(), ",")
	}
	if text = masked(f, text); text == "" {
		return "-"
	}
	return text
}

// Reference writes a table of a command's flags in Markdown, with their variables.
func Reference(w io.Writer, flags *pflag.FlagSet) {
	fmt.Fprint(w, "| flag | environment | default | what |\n| --- | --- | --- | --- |\n")
	eachFlag(flags, func(f *pflag.Flag, value, usage string) {
		fmt.Fprintf(w, "| `--%s` | `%s` | %s | %s. |\n", f.Name, Variable(f.Name), value, usage)
	})
}

// Flags writes a table of the flags of a command that reads no environment.
func Flags(w io.Writer, flags *pflag.FlagSet) {
	fmt.Fprint(w, "| flag | default | what |\n| --- | --- | --- |\n")
	eachFlag(flags, func(f *pflag.Flag, value, usage string) {
		fmt.Fprintf(w, "| `--%s` | %s | %s. |\n", f.Name, value, usage)
	})
}

// eachFlag calls row with each flag, its default and its usage for a cell of a
// Markdown table.
func eachFlag(flags *pflag.FlagSet, row func(f *pflag.Flag, value, usage string)) {
	flags.VisitAll(func(f *pflag.Flag) {
		if !settable(f) {
			return
		}
		value := strings.Trim(f.DefValue, "[]")
		if value != "" {
			value = "`" + value + "`"
		}
		row(f, value, strings.TrimSuffix(strings.ReplaceAll(f.Usage, "|", `\|`), "."))
	})
}
