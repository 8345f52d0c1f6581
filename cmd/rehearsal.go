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

// rehearsalCommands are the subcommands of `tactus matchmaker` that run without a
// matchmaker.
func rehearsalCommands(p Program) []*cobra.Command {
	return []*cobra.Command{checkRulesCommand(), rehearseCommand(p), generateCommand()}
}

func checkRulesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-rules FILE...", Short: "Check rules files and print the rules with all defaults", Args: cobra.MinimumNArgs(1),
		Long: "Reads rules files, and folders of them, as the matchmaker does. Prints every mistake, or the rules\n" +
			"with all defaults. The exit code is 0, or 1 if there are mistakes.",
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
		Use: "rehearse [RECORDING...]", Short: "Run recorded or generated searches with other rules and show the outcome for players",
		Long: "Runs searches with rules in virtual time, as fast as possible, and prints waits, skill, balance and\n" +
			"latency beside those of --against. The exit code is 0, or 1 if a condition of --assert failed.",
	}
	f := c.Flags()
	f.StringSliceVar(&cfg.Tickets, "tickets", nil, "recordings of one queue, separated by commas; more may follow the flags")
	f.StringVar(&cfg.Rules, "rules", "", "rules file to rehearse")
	f.StringVar(&cfg.Against, "against", "", "rules file to compare with")
	f.StringVar(&cfg.Queue, "queue", "", "queue in the rules files; empty: the queue of the recording, or the only one")
	f.StringVar(&cfg.Servers, "servers", "", `capacity in matches by region, such as "eu=100,us=50" or "eu@1.2=100"; empty: no limit`)
	f.DurationVar(&cfg.Cycle, "cycle", 20*time.Millisecond, "how long the queue waits for more tickets before it forms matches")
	f.StringVar(&cfg.MatchLength, "match-length", "5m", `length of a match, such as "5m" or "normal(5m,1m)"`)
	f.Uint64Var(&cfg.Seed, "seed", 0, "seed of the drawn lengths of matches")
	f.StringVar(&cfg.Assert, "assert", "",
		"conditions on the figures of --rules, such as wait_p90<10s,spread_p90<200; figures: "+strings.Join(matchmaker.RehearsalFigures(), ", "))
	f.StringVar(&jsonFile, "json", "", "file for the result; - for standard output")
	c.RunE = func(c *cobra.Command, more []string) error {
		cfg.Tickets = append(cfg.Tickets, more...)
		if len(cfg.Tickets) == 0 || cfg.Rules == "" {
			return errors.New("--tickets and --rules are required; see `tactus matchmaker rehearse --help`")
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
		Use: "generate", Short: "Generate searches for a rehearsal and write them to standard output", Args: cobra.NoArgs,
		Long: "Generates players that arrive at random and writes their searches in the form of a recording. The\n" +
			"same flags give the same bytes.",
	}
	f := c.Flags()
	f.StringVar(&cfg.Queue, "queue", "", "queue named in the recording")
	f.StringVar(&cfg.Rate, "rate", "10/s", "searches per s, m or h")
	f.DurationVar(&cfg.For, "for", 10*time.Minute, "how long players arrive")
	f.StringVar(&cfg.Skill, "skill", "normal(1500,300)", `distribution of skill; a mixture has shares: "normal(1200,150)=0.7,normal(1900,200)=0.3"`)
	f.StringVar(&cfg.Parties, "parties", "1", `sizes of parties, by shares: "1=0.7,2=0.2,5=0.1"`)
	f.Float64Var(&cfg.PartySpread, "party-spread", 100, "spread of the skills in a party, in points; below 0: none")
	f.StringVar(&cfg.Regions, "regions", "", `regions of players, by shares, neighbours beside each other: "us=0.3,eu=0.6,asia=0.1"; empty: not given`)
	f.DurationVar(&cfg.RegionDistance, "region-distance", 90*time.Millisecond, "round trip between neighbouring regions")
	f.StringVar(&cfg.Access, "access", "lognormal(20ms,0.5)", "distribution of the round trip from a player to the network")
	f.StringArrayVar(&cfg.Attributes, "attribute", nil, `attributes of searches, by shares: "language=en:0.6,de:0.3,en+de:0.1"; may be repeated`)
	f.StringVar(&cfg.Versions, "versions", "", `versions of the game, by shares: "1.2=0.9,1.3=0.1"; empty: not given`)
	f.DurationVar(&cfg.Patience, "patience", 2*time.Minute, "mean time after which players give up; below 0: never")
	f.Uint64Var(&cfg.Seed, "seed", 0, "seed of the players")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return matchmaker.GeneratePopulation(c.Context(), c.OutOrStdout(), cfg)
	}
	return c
}

// writeJSON writes the result to the file of --json, or to standard output for -. An
// empty name writes nothing.
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
