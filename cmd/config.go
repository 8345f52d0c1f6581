package tactuscmd

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"tactus/cmd/internal/config"
)

// settingsKey is where a command's context has its *config.Settings.
type settingsKey struct{}

// configuredCommands are those whose flags also come from the environment and
// from a file.
func configuredCommands(p Program) []*cobra.Command {
	return []*cobra.Command{devCommand(p), matchmakerCommand(p), serverCommand(p.Games), loadtestCommand(p.Games)}
}

// configured lets a command read its flags from the environment and a file
// before it runs, and lets its errors say which of them was wrong.
func configured(c *cobra.Command) *cobra.Command {
	c.Flags().String(config.FileFlag, "", "YAML file with flags by name, see docs/configuration.md")
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		settings, err := config.Load(c.Name(), sections(c), os.Environ())
		if err != nil {
			return err
		}
		ctx := c.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		c.SetContext(context.WithValue(ctx, settingsKey{}, settings))
		return settings.Explain(run(c, args))
	}
	return c
}

// sections are the flags of all configured commands, those of c in its place.
func sections(c *cobra.Command) config.Sections {
	all := config.Sections{c.Name(): c.Flags()}
	for _, other := range c.Root().Commands() {
		if all[other.Name()] == nil && other.Flags().Lookup(config.FileFlag) != nil {
			all[other.Name()] = other.Flags()
		}
	}
	return all
}

// settingsOf returns what a configured command read; nil: it was not run as one.
func settingsOf(c *cobra.Command) *config.Settings {
	if c.Context() == nil {
		return nil
	}
	s, _ := c.Context().Value(settingsKey{}).(*config.Settings)
	return s
}

// configCommand shows the configuration that the other commands would run with.
func configCommand(p Program) *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Print the configuration that a command would run with, and where each value comes from",
		Long: "Prints every value that a command would run with, and where it comes from: flag, environment, file or\n" +
			"default. Takes the flags of that command. Secrets are printed as ***.",
	}
	for _, command := range configuredCommands(p) {
		command.Short = "Print the configuration of `tactus " + command.Name() + "`"
		command.Long = command.Short + " and where each value comes from."
		command.RemoveCommand(command.Commands()...)
		command.RunE = printSettings
		c.AddCommand(configured(command))
	}
	c.AddCommand(&cobra.Command{
		Use: "reference", Short: "Print docs/configuration.md, with all flags of this program", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			writeReference(c.OutOrStdout(), configuredCommands(p))
			return nil
		},
	})
	return c
}

func printSettings(c *cobra.Command, _ []string) error {
	settings := settingsOf(c)
	for _, warning := range settings.Warnings {
		fmt.Fprintln(c.ErrOrStderr(), "tactus: "+warning)
	}
	return settings.Print(c.OutOrStdout())
}

//go:embed configuration.md
var referenceIntroduction string

//go:generate sh -c "go run ./tactus config reference > ../docs/configuration.md"

// writeReference writes docs/configuration.md.
func writeReference(w io.Writer, commands []*cobra.Command) {
	fmt.Fprint(w, referenceIntroduction)
	for _, c := range commands {
		fmt.Fprintf(w, "\n## tactus %s\n\n%s.\n\n", c.Name(), c.Short)
		config.Reference(w, c.Flags())
	}
}
