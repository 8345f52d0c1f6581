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

// Reference writes a Markdown table of a command's flags.
func Reference(w io.Writer, flags *pflag.FlagSet) {
	fmt.Fprint(w, "| flag | environment | default | what |\n| --- | --- | --- | --- |\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if !settable(f) {
			return
		}
		def := strings.Trim(f.DefValue, "[]")
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(w, "| `--%s` | `%s` | %s | %s |\n", f.Name, Variable(f.Name), def, strings.ReplaceAll(f.Usage, "|", `\|`))
	})
}
