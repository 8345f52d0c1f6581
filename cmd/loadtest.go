package tactuscmd

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
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
	var secure trustFlags
	c := &cobra.Command{
		Use: "loadtest", Short: "Play with many bots and measure what players experience", Args: cobra.NoArgs,
		Long: "Bots without a display go the way of every player: matchmaker, ticket, join token, WebSocket.\n" +
			"The exit code is 0, or 1 if a threshold was missed.",
	}
	f := c.Flags()
	f.StringVar(&cfg.URL, "url", loadtest.DefaultURL, "public origin of the matchmaker")
	f.StringVar(&secure.ca, "tls-ca", "", "PEM file with authorities of https and wss URLs, beside the system's")
	f.BoolVar(&secure.insecure, "tls-insecure", false, "accept any certificate, such as one of tactus dev --tls")
	f.StringVar(&cfg.Game, "game", "", "game; empty: the only game of the server")
	f.StringVar(&cfg.Mode, "mode", "", "mode; empty: the first mode of the game")
	f.IntVar(&cfg.Players, "players", loadtest.DefaultPlayers, "number of bots")
	f.IntVar(&cfg.PerMatch, "per-match", 0, "bots per match, each match in a private room; 0: quick play")
	f.DurationVar(&cfg.Duration, "duration", loadtest.DefaultDuration, "length of the measurement")
	f.DurationVar(&cfg.Ramp, "ramp", 0, "time over which the bots arrive; 0: 200 bots per second")
	f.DurationVar(&cfg.WarmUp, "warm-up", loadtest.DefaultWarmUp, "time between the last arrival and the measurement")
	f.DurationVar(&cfg.Wait, "wait", 0, "how long to wait at the start for servers with free seats; 0: no wait")
	f.Uint64Var(&cfg.Seed, "seed", 0, "seed of the bots' choices")
	f.BoolVar(&cfg.Verify, "verify", false, "apply every delta and compare the state with the server's hash")
	f.IntVar(&cfg.SlowReaders, "slow-readers", 0, "number of bots that read slowly; only the others are measured")
	f.StringVar((*string)(&cfg.SlowAs), "slow-as", string(loadtest.SlowBursts), "how slow readers read: bursts (2 s of every 10 s), stopped, or link (2,000 bytes per second)")
	f.IntVar(&cfg.ServerPID, "server-pid", 0, "process ID of a server on this machine; its CPU time per client and tick is measured")
	f.StringArrayVar(&cfg.Thresholds, "threshold", nil,
		"condition on a metric, such as gap_p99<50; may be repeated; metrics: "+strings.Join(loadtest.Metrics(), ", "))
	f.StringVar(&jsonFile, "json", "", "file for the result; - for standard output")
	logger := logFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		log, err := logger()
		if err != nil {
			return err
		}
		if cfg.TLS, err = secure.config(); err != nil {
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

// trustFlags say which certificates the load tester accepts.
type trustFlags struct {
	ca       string
	insecure bool
}

func (f *trustFlags) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure} //nolint:gosec // the flag says so
	if f.ca == "" {
		return c, nil
	}
	text, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	if c.RootCAs, err = x509.SystemCertPool(); err != nil {
		c.RootCAs = x509.NewCertPool()
	}
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--tls-ca: no certificate in %s", f.ca)
	}
	return c, nil
}

// showReport prints the table, or the JSON if that goes to standard output.
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
