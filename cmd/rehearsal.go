package tactuscmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tactus/matchmaker"
)

// rehearsalCommands are the subcommands of `tactus matchmaker` that need no
// matchmaker.
func rehearsalCommands(p Program) []*cobra.Command {
	return []*cobra.Command{checkRulesCommand(), rehearseCommand(p), generateCommand()}
}

func checkRulesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-rules FILE...", Short: "Say what is wrong with rules files, or the rules as they hold", Args: cobra.MinimumNArgs(1),
		Long: "Reads rules files, and folders of them, as the matchmaker does. Prints every mistake, or the rules\n" +
			"with all defaults. The exit code is 0, or 1 when there are mistakes.",
		RunE: func(c *cobra.Command, files []string) error {
			mistakes, err := matchmaker.CheckRules(c.OutOrStdout(), files...)
			switch {
			case err != nil:
				return err
			case mistakes > 0:
				return errFailed
			}
			return nil
		},
	}
}

func rehearseCommand(p Program) *cobra.Command {
	cfg := matchmaker.RehearsalConfig{Functions: p.MatchFunctions}
	var jsonFile string
	c := &cobra.Command{
		Use: "rehearse [RECORDING...]", Short: "Play recorded or generated searches against other rules and say what players would get",
		Long: "Plays searches against rules in virtual time, as fast as it goes, and prints waits, skill, balance\n" +
			"and latency, side by side with those of --against. The exit code is 0, or 1 when --assert failed.",
	}
	f := c.Flags()
	f.StringSliceVar(&cfg.Tickets, "tickets", nil, "recordings of one queue, comma-separated; others may follow the flags")
	f.StringVar(&cfg.Rules, "rules", "", "rules file to rehearse")
	f.StringVar(&cfg.Against, "against", "", "rules file to hold it against")
	f.StringVar(&cfg.Queue, "queue", "", "queue in the rules files; empty: the recording's, or the only one")
	f.StringVar(&cfg.Servers, "servers", "", `matches at once by region, like "eu=100,us=50" or "eu@1.2=100"; empty: no limit`)
	f.DurationVar(&cfg.Cycle, "cycle", 20*time.Millisecond, "how long the queue waits for others before it looks")
	f.StringVar(&cfg.MatchLength, "match-length", "5m", `how long a match keeps its place, like "5m" or "normal(5m,1m)"`)
	f.Uint64Var(&cfg.Seed, "seed", 0, "makes the drawn lengths of matches repeat")
	f.StringVar(&cfg.Assert, "assert", "",
		"conditions on --rules that have to hold, like wait_p90<10s,spread_p90<200; figures: "+strings.Join(matchmaker.RehearsalFigures(), ", "))
	f.StringVar(&jsonFile, "json", "", "write the result to this file, - for standard output")
	c.RunE = func(c *cobra.Command, more []string) error {
		cfg.Tickets = append(cfg.Tickets, more...)
		if len(cfg.Tickets) == 0 || cfg.Rules == "" {
			return errors.New("--tickets and --rules are needed; see `tactus matchmaker rehearse --help`")
		}
		report, err := matchmaker.Rehearse(c.Context(), cfg)
		if err != nil {
			return err
		}
		if jsonFile != "-" {
			if err := report.Print(c.OutOrStdout()); err != nil {
				return err
			}
		}
		if err := writeJSON(c, jsonFile, report); err != nil {
			return err
		}
		if report.Failed {
			return errFailed
		}
		return nil
	}
	return c
}

func generateCommand() *cobra.Command {
	var cfg matchmaker.PopulationConfig
	c := &cobra.Command{
		Use: "generate", Short: "Make up searches for a rehearsal and write them to standard output", Args: cobra.NoArgs,
		Long: "Makes up players who come at random, and writes their searches in the form of a recording. The same\n" +
			"flags give the same bytes.",
	}
	f := c.Flags()
	f.StringVar(&cfg.Queue, "queue", "", "queue named in the recording")
	f.StringVar(&cfg.Rate, "rate", "10/s", "searches per s, m or h")
	f.DurationVar(&cfg.For, "for", 10*time.Minute, "how long they come")
	f.StringVar(&cfg.Skill, "skill", "normal(1500,300)", `distribution of skill; a mix has shares: "normal(1200,150)=0.7,normal(1900,200)=0.3"`)
	f.StringVar(&cfg.Parties, "parties", "1", `players who search together, by shares: "1=0.7,2=0.2,5=0.1"`)
	f.Float64Var(&cfg.PartySpread, "party-spread", 100, "how far a party's members are from its first, in points; below 0: not at all")
	f.StringVar(&cfg.Regions, "regions", "", `where players live, by shares, neighbours beside each other: "us=0.3,eu=0.6,asia=0.1"; empty: nobody says`)
	f.DurationVar(&cfg.RegionDistance, "region-distance", 90*time.Millisecond, "round trip between neighbouring regions")
	f.StringVar(&cfg.Access, "access", "lognormal(20ms,0.5)", "distribution of the round trip from a player to the network")
	f.StringArrayVar(&cfg.Attributes, "attribute", nil, `what searches say, by shares: "language=en:0.6,de:0.3,en+de:0.1"; may be repeated`)
	f.StringVar(&cfg.Versions, "versions", "", `version of the game, by shares: "1.2=0.9,1.3=0.1"; empty: nobody says`)
	f.DurationVar(&cfg.Patience, "patience", 2*time.Minute, "after how long players give up, on the average; below 0: nobody does")
	f.Uint64Var(&cfg.Seed, "seed", 0, "another seed gives other players")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return matchmaker.GeneratePopulation(c.Context(), c.OutOrStdout(), cfg)
	}
	return c
}

// writeJSON writes what --json asks for: a file, - for standard output, or
// nothing.
func writeJSON(c *cobra.Command, file string, v any) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if file == "-" {
		_, err = c.OutOrStdout().Write(text)
	} else {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	return nil
}
