package tactuscmd

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"tactus/game"
	"tactus/server"
)

func replayCommand(games []game.Game) *cobra.Command {
	c := &cobra.Command{Use: "replay", Short: "Verify and describe match logs"}
	c.AddCommand(replayVerify(games), replayInfo(games))
	return c
}

func replayVerify(games []game.Game) *cobra.Command {
	return &cobra.Command{
		Use: "verify FILE...", Short: "Run matches again and compare the hash of the state at every tick",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			differ, unread := 0, 0
			for _, file := range files {
				report, err := server.VerifyReplay(c.Context(), file, games...)
				var missing *fs.PathError
				switch {
				case errors.As(err, &missing):
					unread++
					fmt.Fprintf(c.OutOrStdout(), "%s: CAN'T BE READ: %v\n", file, missing.Err)
				case err != nil:
					differ++
					fmt.Fprintf(c.OutOrStdout(), "%s: DIFFERS: %v\n", file, oneLine(err))
				default:
					fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", file, report)
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "%d agree, %d differ, %d can't be read\n", len(files)-differ-unread, differ, unread)
			if differ+unread > 0 {
				return errFailed
			}
			return nil
		},
	}
}

func replayInfo(games []game.Game) *cobra.Command {
	return &cobra.Command{
		Use: "info FILE...", Short: "Describe match logs", Args: cobra.MinimumNArgs(1),
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
