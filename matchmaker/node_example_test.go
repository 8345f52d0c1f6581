package matchmaker_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tactus/matchmaker"
)

// The example in docs/examples runs as it stands. Its packages have to be
// there (npm ci); with TACTUS_EXAMPLES set it is an error when they are not.
func TestNodeExampleFindsAMatch(t *testing.T) {
	dir := filepath.Join("..", "docs", "examples", "node-matchmaker")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		if os.Getenv("TACTUS_EXAMPLES") != "" {
			t.Fatalf("the example can't run: %v", err)
		}
		t.Skipf("the example is not set up (npm ci): %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	w := start(t, func(c *matchmaker.Config) { c.InternalListener = listener })
	w.server("s1", nil)
	cmd := exec.CommandContext(w.context(), node, "search.mjs", "--addr", addr, "--mode", "duel", "--name", "Nora")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var first struct{ Player string }
	var last struct {
		State, Reason string
		Assignment    struct{ URL, JoinToken, Mode string }
	}
	if err := json.Unmarshal(lines[0], &first); err != nil || first.Player != "Nora" {
		t.Errorf("first line %s: %v", lines[0], err)
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || last.State != "STATE_ASSIGNED" ||
		last.Assignment.URL != "ws://s1.test/play" || last.Assignment.JoinToken == "" || last.Assignment.Mode != "duel" {
		t.Errorf("last line %s: %v", lines[len(lines)-1], err)
	}
}
