package tactuscmd

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tactus/game"
	"tactus/game/arena"
)

// TestReplayVerify_distinguishesDifferentAndMissingFiles: a typing error is no
// fault of the rules.
func TestReplayVerify_distinguishesDifferentAndMissingFiles(t *testing.T) {
	dir := t.TempDir()
	garbage, missing := filepath.Join(dir, "garbage"), filepath.Join(dir, "missing")
	if err := os.WriteFile(garbage, []byte("no log"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := newRoot([]game.Game{arena.Game})
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs([]string{"replay", "verify", garbage, missing})
	if err := root.Execute(); !errors.Is(err, errFailed) {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{garbage + ": DIFFERS: ", missing + ": CAN'T BE READ: no such file", "0 agree, 1 differ, 1 can't be read"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
