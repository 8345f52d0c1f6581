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

// settingsKey is the key of the *config.Settings in a command's context.
type settingsKey struct{}

// configuredCommands are the commands with flags that can also be set in the
// environment and in a file.
func configuredCommands(p Program) []*cobra.Command {
	return []*cobra.Command{devCommand(p), matchmakerCommand(p), serverCommand(p.Games), loadtestCommand(p.Games)}
}

// configured makes a command read its flags from the environment and a file before it
// runs. Errors that name a flag then name the source of its value.
func configured(c *cobra.Command) *cobra.Command {
	c.Flags().String(config.FileFlag, "", "YAML file with flags by name, see docs/configuration.md")
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		settings, err := config.Load(c.Name(), sections(c), os.Environ())
		if err != nil {
			return failedCheck(c, err)
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

// sections are the flags of all configured commands; for the command c, its own.
func sections(c *cobra.Command) config.Sections {
	all := config.Sections{c.Name(): c.Flags()}
	for _, other := range c.Root().Commands() {
		if all[other.Name()] == nil && other.Flags().Lookup(config.FileFlag) != nil {
			all[other.Name()] = other.Flags()
		}
	}
	return all
}

// settingsOf returns the settings of a configured command, nil for other commands.
func settingsOf(c *cobra.Command) *config.Settings {
	if c.Context() == nil {
		return nil
	}
	s, _ := c.Context().Value(settingsKey{}).(*config.Settings)
	return s
}

// configCommand prints the configuration with which other commands would run.
func configCommand(p Program) *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Print the configuration of a command and the source of each value",
		Long: "Prints every value with which a command would run, and its source: flag, environment, file or default.\n" +
			"It takes the flags of that command. Secrets are printed as ***.",
	}
	for _, command := range configuredCommands(p) {
		command.Short = "Print the configuration of `tactus " + command.Name() + "`"
		command.Long = command.Short + " and the source of each value."
		command.RemoveCommand(command.Commands()...)
		command.RunE = printSettings
		c.AddCommand(configured(command))
	}
	c.AddCommand(&cobra.Command{
		Use: "reference [rehearse|generate]", Short: "Print docs/configuration.md, with all flags of this program",
		Long: "Prints docs/configuration.md, with all flags of this program. With a command it prints the table of\n" +
			"that command's flags.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				writeReference(c.OutOrStdout(), configuredCommands(p))
				return nil
			}
			for _, command := range rehearsalCommands(p) {
				if command.Name() == args[0] {
					config.Flags(c.OutOrStdout(), command.LocalFlags())
					return nil
				}
			}
			return fmt.Errorf("no command %q", args[0])
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
//go:generate sh -c "go run ./tactus config reference rehearse | go run ../internal/docblock ../docs/rehearsal-reference.md rehearse"
//go:generate sh -c "go run ./tactus config reference generate | go run ../internal/docblock ../docs/rehearsal-reference.md generate"

// writeReference writes docs/configuration.md.
func writeReference(w io.Writer, commands []*cobra.Command) {
	fmt.Fprint(w, referenceIntroduction)
	for _, c := range commands {
		fmt.Fprintf(w, "\n## tactus %s\n\n%s.\n\n", c.Name(), c.Short)
		config.Reference(w, c.Flags())
	}
}
