package tactuscmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"tactus/game"
	"tactus/server"
)

func replayCommand(games []game.Game) *cobra.Command {
	c := &cobra.Command{Use: "replay", Short: "Look into the logs that matches write"}
	c.AddCommand(replayVerify(games), replayInfo(games))
	return c
}

func replayVerify(games []game.Game) *cobra.Command {
	return &cobra.Command{
		Use: "verify FILE...", Short: "Run matches again and compare the state's hash at every tick",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			bad := 0
			for _, file := range files {
				report, err := server.VerifyReplay(c.Context(), file, games...)
				if err != nil {
					bad++
					fmt.Fprintf(c.OutOrStdout(), "%s: DIFFERS: %v\n", file, oneLine(err))
					continue
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", file, report)
			}
			fmt.Fprintf(c.OutOrStdout(), "%d agree, %d differ\n", len(files)-bad, bad)
			if bad > 0 {
				return errFailed
			}
			return nil
		},
	}
}

func replayInfo(games []game.Game) *cobra.Command {
	return &cobra.Command{
		Use: "info FILE...", Short: "Say what is in a match's log", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			for _, file := range files {
				info, err := server.DescribeReplay(c.Context(), file, games...)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s\n%s\n", file, info)
			}
			return nil
		},
	}
}
