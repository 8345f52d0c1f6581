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
	"tactus/matchmaker/internal/store/storetest"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// node makes a command of the example in docs/examples, which runs as it
// stands. Its packages have to be there (npm ci); with TACTUS_EXAMPLES set it is
// an error when they are not.
func node(t *testing.T, w *world, args ...string) *exec.Cmd {
	t.Helper()
	dir := filepath.Join("..", "docs", "examples", "node-matchmaker")
	program, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "node_modules"))
	}
	if err != nil {
		if os.Getenv("TACTUS_EXAMPLES") != "" {
			t.Fatalf("the example can't run: %v", err)
		}
		t.Skipf("the example is not set up (npm ci): %v", err)
	}
	cmd := exec.CommandContext(w.context(), program, append([]string{"search.mjs"}, args...)...)
	cmd.Dir = dir
	return cmd
}

func TestNodeExample_findsAMatch(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	w := start(t, func(c *matchmaker.Config) { c.InternalListener = listener })
	w.server("s1", nil)
	cmd := node(t, w, "--addr", addr, "--mode", "duel", "--name", "Nora")
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

func TestNodeExample_continuesAtAnotherMatchmaker(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	cluster := storetest.StartCluster(t, 1)
	first, firstAddr := shares(t, cluster, pair, nil)
	second, secondAddr := shares(t, cluster, pair, nil)
	first.server("s1", nil)
	second.server("s1", nil)
	cmd := node(t, second, "--addr", "ipv4:"+firstAddr+","+secondAddr, "--mode", "duel")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	searching(t, second, "pair", 1)
	first.stop()
	opponent := second.search(&matchmakerv1.CreateTicketRequest{Queue: "pair"}).assigned()
	if err := cmd.Wait(); err != nil || !bytes.Contains(stdout.Bytes(), []byte(opponent.GetMatchId())) {
		t.Errorf("%v: %s%s", err, stdout.Bytes(), stderr.Bytes())
	}
}
