package tactuscmd

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"tactus/game"
)

func versionCommand(games []game.Game) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this binary and its games", Args: cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			out := c.OutOrStdout()
			fmt.Fprintf(out, "tactus %s, %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			for _, g := range games {
				info := g.Info()
				fmt.Fprintf(out, "game %s %s, %d Hz, modes:", info.Name, info.Version, info.Rate())
				for _, m := range info.Modes {
					fmt.Fprintf(out, " %s", m.Name)
				}
				fmt.Fprintln(out)
			}
		},
	}
}

// buildVersion returns the version of the module, or the commit of the build.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "development"
}
