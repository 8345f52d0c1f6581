package matchmaker_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// shares starts a matchmaker that shares its state with others, and tells its
// address.
func shares(t *testing.T, cluster *storetest.Cluster, rules string, change func(*matchmaker.Config)) (*world, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	w, _ := withRules(t, rules, func(c *matchmaker.Config) {
		c.InternalListener, c.AdvertiseAddr = listener, addr
		c.NATS = matchmaker.NATS{URL: cluster.URL(), Replicas: 1}
		if change != nil {
			change(c)
		}
	})
	return w, addr
}

// goExample builds the example's program.
func goExample(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "go-matchmaker")
	compile := exec.CommandContext(t.Context(), filepath.Join(needs(t, "go"), "go"), "build", "-o", path, "../docs/examples/go-matchmaker")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestGoExample_findsAMatchAtAnyReplica(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	program := goExample(t)
	cluster := storetest.StartCluster(t, 1)
	first, firstAddr := shares(t, cluster, pair, nil)
	second, secondAddr := shares(t, cluster, pair, nil)
	first.server("s1", nil)
	second.server("s1", nil)
	const nobody = "127.0.0.1:1" // a replica that is away
	addr := strings.Join([]string{firstAddr, nobody, secondAddr}, ",")

	t.Run("a party", func(t *testing.T) {
		out, err := exec.CommandContext(first.context(), program, "--addr", addr, "--game", "arena", "--mode", "ffa", "--players", "ann,bob").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var places []struct{ Player, URL, Token, Match, Reason string }
		for _, line := range objects(t, out) {
			places = append(places, struct{ Player, URL, Token, Match, Reason string }{})
			if err := json.Unmarshal(line, &places[len(places)-1]); err != nil {
				t.Fatal(err)
			}
		}
		if len(places) != 2 || places[0].Player != "ann" || places[1].Player != "bob" || places[0].Match != places[1].Match ||
			places[0].Token == places[1].Token || places[0].URL != "ws://s1.test/play" || places[1].Reason != "MATCHED" {
			t.Errorf("%s", out)
		}
	})
	t.Run("a refusal", func(t *testing.T) {
		out, err := exec.CommandContext(first.context(), program, "--addr", addr, "--queue", "none", "--players", "ann").CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("InvalidArgument (UNKNOWN_QUEUE)")) {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("a replica leaves", func(t *testing.T) {
		cmd := exec.CommandContext(first.context(), program, "--addr", addr, "--queue", "pair", "--players", "cid")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		searching(t, second, "pair", 1)
		first.stop()
		opponent := second.search(&matchmakerv1.CreateTicketRequest{Queue: "pair"}).assigned()
		line, _ := bufio.NewReader(out).ReadBytes('\n')
		var found struct{ Match, Reason string }
		if err := json.Unmarshal(line, &found); err != nil || found.Match != opponent.GetMatchId() {
			t.Errorf("%s: %v", line, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, stderr.Bytes())
		}
	})
}

// searching waits until so many players search in a queue.
func searching(t *testing.T, w *world, queue string, players uint32) {
	t.Helper()
	ctx := w.context()
	for {
		list, err := w.client.ListQueues(ctx, &matchmakerv1.ListQueuesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range list.GetQueues() {
			if q.GetName() == queue && q.GetSearching() == players {
				return
			}
		}
	}
}
