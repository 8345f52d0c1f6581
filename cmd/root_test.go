package tactuscmd

import (
	"errors"
	"testing"

	"github.com/spf13/cobra"

	"tactus/game"
)

// newRoot is the command line of a program with these games.
func newRoot(games []game.Game) *cobra.Command { return Program{Games: games}.newRoot() }

func TestOneLine_joinsLines(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"joined", errors.Join(errors.New("a"), errors.New("b")), "a; b"},
		{"a command that is not there", errors.New("unknown command \"conf\"\n\nDid you mean this?\n\tconfig\n\n"), `unknown command "conf"; Did you mean this? config`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := oneLine(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
