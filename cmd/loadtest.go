package tactuscmd

import (
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tactus/game"
	"tactus/loadtest"
)

func loadtestCommand(games []game.Game) *cobra.Command {
	var cfg loadtest.Config
	var jsonFile string
	c := &cobra.Command{
		Use: "loadtest", Short: "Play with many bots at once and measure what players get", Args: cobra.NoArgs,
		Long: "Headless bots take the road of every player: matchmaker, ticket, join token, WebSocket.\n" +
			"The exit code is 0, or 1 when a threshold failed.",
	}
	f := c.Flags()
	f.StringVar(&cfg.URL, "url", loadtest.DefaultURL, "the matchmaker's public origin")
	f.StringVar(&cfg.Game, "game", "", "game to play; empty: the server's only one")
	f.StringVar(&cfg.Mode, "mode", "", "mode to play; empty: the game's first")
	f.IntVar(&cfg.Players, "players", loadtest.DefaultPlayers, "number of bots")
	f.IntVar(&cfg.PerMatch, "per-match", 0, "bots per match, each in a private room; 0: they search like anybody")
	f.DurationVar(&cfg.Duration, "duration", loadtest.DefaultDuration, "time that is measured")
	f.DurationVar(&cfg.Ramp, "ramp", 0, "time over which bots arrive; 0: 200 a second")
	f.DurationVar(&cfg.WarmUp, "warm-up", loadtest.DefaultWarmUp, "time between the last arrival and the first measurement")
	f.DurationVar(&cfg.Wait, "wait", 0, "how long to wait, before the start, until players would find a seat; 0: not at all")
	f.Uint64Var(&cfg.Seed, "seed", 0, "makes the bots' choices repeat")
	f.BoolVar(&cfg.Verify, "verify", false, "apply every delta and compare the state with the server's hash")
	f.IntVar(&cfg.SlowReaders, "slow-readers", 0, "bots that read slowly; the others are measured")
	f.StringVar((*string)(&cfg.SlowAs), "slow-as", string(loadtest.SlowBursts), "how: bursts (2 s of every 10 s), stopped, or link (2,000 bytes a second)")
	f.IntVar(&cfg.ServerPID, "server-pid", 0, "process on this machine whose CPU time per client and tick is measured")
	f.StringArrayVar(&cfg.Thresholds, "threshold", nil,
		"condition like gap_p99<50 that has to hold; may be repeated; metrics: "+strings.Join(loadtest.Metrics(), ", "))
	f.StringVar(&jsonFile, "json", "", "write the result to this file, - for standard output")
	logger := logFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		log, err := logger()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM)
		defer stop()
		cfg.Progress = c.ErrOrStderr()
		report, err := loadtest.Run(ctx, cfg, log, games...)
		if err != nil {
			return err
		}
		return showReport(c, report, jsonFile)
	}
	return c
}

// showReport prints the table, or the JSON where standard output is asked for it.
func showReport(c *cobra.Command, report *loadtest.Report, jsonFile string) error {
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
