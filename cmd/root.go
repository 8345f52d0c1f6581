// Package tactuscmd implements the command line of Tactus. The main function of a
// program with games of its own is one line: tactuscmd.Main(mygame.Game).
package tactuscmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tactus/game"
	"tactus/matchmaker/matchfunc"
)

// exitUsage is the exit code after a mistake that the operator can correct: a bad
// flag, a port in use, an unknown game.
const exitUsage = 2

// errFailed ends the program with exit code 1 and prints nothing more: the command's
// output already says what failed.
var errFailed = errors.New("failed")

// Program is a command line with the games, and what belongs to them.
type Program struct {
	Games []game.Game
	// MatchFunctions are the match functions that queue rules can name.
	MatchFunctions map[string]matchfunc.Func
}

// Main runs the command line with the given games and does not return.
func Main(games ...game.Game) { Program{Games: games}.Main() }

// Main runs the command line and does not return.
func (p Program) Main() {
	root := p.newRoot()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := root.ExecuteContext(ctx)
	stop()
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, errFailed):
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "tactus: "+oneLine(err))
	os.Exit(exitUsage)
}

func (p Program) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tactus",
		Short: "A multiplayer game server: rules in Go, played in the browser",
		Long: "Tactus runs matches as fixed-tick authoritative loops and syncs them to browsers.\n" +
			"`tactus dev` runs everything in one process: page, matchmaker, game server.",
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see `%s --help`", err, c.CommandPath())
	})
	for _, c := range configuredCommands(p) {
		root.AddCommand(configured(c))
	}
	root.AddCommand(configCommand(p), replayCommand(p.Games), versionCommand(p.Games))
	return root
}

// limitGarbage lets the garbage collector run when the heap has grown by half. Ticks
// allocate nothing, so it still runs rarely, and memory per player stays small. The
// environment variable GOGC has precedence.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// oneLine returns the error's text without line breaks. Joined errors are separated by
// semicolons; an indented line continues the line before it.
func oneLine(err error) string { return strings.Join(messages(err), "; ") }

// messages returns the texts of joined errors, each without line breaks.
func messages(err error) (list []string) {
	for line := range strings.Lines(err.Error()) {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case len(list) > 0 && strings.HasPrefix(line, "\t"):
			list[len(list)-1] += " " + text
		default:
			list = append(list, text)
		}
	}
	return list
}

// newLogger makes the process's log: readable on a terminal, JSON elsewhere.
func newLogger(level, format string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q: want debug, info, warn or error", level)
	}
	if format == "auto" {
		format = "json"
		if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			format = "console"
		}
	}
	cfg := zap.NewProductionConfig()
	switch format {
	case "json":
	case "console":
		cfg.Encoding = "console"
		cfg.EncoderConfig = zap.NewDevelopmentEncoderConfig()
		cfg.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		cfg.DisableCaller = true
	default:
		return nil, fmt.Errorf("--log-format %q: want auto, json or console", format)
	}
	cfg.Level = zap.NewAtomicLevelAt(l)
	cfg.DisableStacktrace = true
	return cfg.Build()
}

// logFlags adds the flags of the log and returns a function that makes it.
func logFlags(c *cobra.Command) func() (*zap.Logger, error) {
	level := c.Flags().String("log-level", "info", "debug, info, warn or error")
	format := c.Flags().String("log-format", "auto", "json, console, or auto: console on a terminal")
	return func() (*zap.Logger, error) {
		log, err := newLogger(*level, *format)
		if settings := settingsOf(c); err == nil && settings != nil {
			for _, warning := range settings.Warnings {
				log.Warn("configuration", zap.String("warning", warning))
			}
		}
		return log, err
	}
}

// listen opens a port. Its error names the flag and the remedy.
func listen(flag, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--%s %s: the address is in use; stop the other program or choose another address", flag, addr)
	case err != nil:
		return nil, fmt.Errorf("--%s %s: %w; want host:port", flag, addr, err)
	}
	return ln, nil
}

// parseOptions reads options of the form name=number.
func parseOptions(pairs []string) ([]game.Option, error) {
	var options []game.Option
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		n, err := strconv.ParseInt(value, 10, 32)
		if !ok || name == "" || err != nil {
			return nil, fmt.Errorf("--option %q: want name=number", pair)
		}
		options = append(options, game.Option{Name: name, Value: int32(n)})
	}
	return options, nil
}
