package matchmaker_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"tactus/matchmaker"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// The scripts in docs/examples run as they stand. What they need has to be
// there; with TACTUS_EXAMPLES set it is an error when it is not.

// script runs one of them.
type script struct {
	w    *world
	name string
	env  []string
}

// needs finds a program, in .bin too.
func needs(t *testing.T, program string) (dir string) {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join("..", ".bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, program)); err == nil {
		return bin
	}
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("TACTUS_EXAMPLES") != "" {
			t.Fatalf("the example can't run: %v", err)
		}
		t.Skipf("the example can't run: %v", err)
	}
	return filepath.Dir(path)
}

func (s script) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.w.context(), "bash", append([]string{filepath.Join("..", "docs", "examples", s.name)}, args...)...)
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

// run returns what the script printed, which has to end well.
func (s script) run(args ...string) []byte {
	s.w.t.Helper()
	cmd := s.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.w.t.Fatalf("%s %v: %v: %s%s", s.name, args, err, out, stderr.Bytes())
	}
	return out
}

// fails returns what the script says when it ends badly.
func (s script) fails(args ...string) string {
	s.w.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err == nil {
		s.w.t.Errorf("%s %v succeeded: %s", s.name, args, out)
	}
	return string(out)
}

// objects takes printed JSON apart, whatever white space is in it.
func objects(t *testing.T, out []byte) []json.RawMessage {
	t.Helper()
	var all []json.RawMessage
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var one json.RawMessage
		if err := decoder.Decode(&one); err != nil {
			t.Fatalf("%v in: %s", err, out)
		}
		all = append(all, one)
	}
	return all
}

// searches plays what both scripts can: look at the queues, find a match,
// cancel, be refused.
func (s script) searches() {
	t := s.w.t
	t.Helper()
	queues := new(matchmakerv1.ListQueuesResponse)
	if err := protojson.Unmarshal(s.run("queues"), queues); err != nil || len(queues.GetQueues()) == 0 {
		t.Errorf("queues: %v %v", queues, err)
	}
	s.findsAMatch()
	s.isCancelled()
	if output := s.fails("search", `{"queue":"none"}`); !strings.Contains(output, "UNKNOWN_QUEUE") && !strings.Contains(output, `no queue "none"`) {
		t.Errorf("an unknown queue: %s", output)
	}
	if output := s.fails(); !strings.Contains(output, s.name+" search") {
		t.Errorf("without arguments: %s", output)
	}
}

func (s script) findsAMatch() {
	t := s.w.t
	t.Helper()
	lines := objects(t, s.run("search", `{"game":"arena","mode":"ffa","playerName":"Cora"}`))
	var created matchmakerv1.CreateTicketResponse
	var last matchmakerv1.WatchTicketResponse
	if err := protojson.Unmarshal(lines[0], &created); err != nil || created.GetPlayerName() != "Cora" || created.GetGuestToken() == "" {
		t.Errorf("created %s: %v", lines[0], err)
	}
	if err := protojson.Unmarshal(lines[len(lines)-1], &last); err != nil || last.GetAssignment().GetUrl() != "ws://s1.test/play" || last.GetAssignment().GetJoinToken() == "" {
		t.Errorf("last %s: %v", lines[len(lines)-1], err)
	}
	again := objects(t, s.run("cancel", created.GetTicketId())) // too late
	if !bytes.Contains(again[0], []byte("END_REASON_MATCHED")) {
		t.Errorf("cancelled after the match: %s", again[0])
	}
}

// isCancelled searches where nobody else does, and ends that from beside.
func (s script) isCancelled() {
	t := s.w.t
	t.Helper()
	cmd := s.command("search", `{"queue":"pair"}`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(out)
	var created struct{ TicketID string }
	var update struct{ State, Reason string }
	if err := decoder.Decode(&created); err != nil {
		t.Fatal(err)
	}
	if err := decoder.Decode(&update); err != nil || update.State != "STATE_SEARCHING" {
		t.Fatalf("first update %+v: %v", update, err)
	}
	if output := s.run("cancel", created.TicketID); !bytes.Contains(output, []byte("END_REASON_CANCELLED")) {
		t.Errorf("cancel answered %s", output)
	}
	for decoder.More() {
		if err := decoder.Decode(&update); err != nil {
			t.Fatal(err)
		}
	}
	if update.State != "STATE_ENDED" || update.Reason != "END_REASON_CANCELLED" {
		t.Errorf("last update %+v", update)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the search ended with %v", err)
	}
}

// pair waits for two players.
const pair = `
queue: pair
game: arena
mode: duel
teams: {count: 2, max: 1}
party: {max: 1}
`

func TestCurlExample_findsAMatch(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	needs(t, "curl")
	w, _ := withRules(t, pair, nil)
	w.server("s1", nil)
	script{w: w, name: "curl-matchmaker.sh", env: []string{"URL=" + w.public().URL}}.searches()
}

func TestGrpcurlExample_findsAMatch(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	path := needs(t, "grpcurl")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w, _ := withRules(t, pair, func(c *matchmaker.Config) { c.InternalListener = listener })
	w.server("s1", nil)
	s := script{w: w, name: "grpcurl-matchmaker.sh", env: []string{
		"ADDR=" + listener.Addr().String(), "PATH=" + path + string(os.PathListSeparator) + os.Getenv("PATH"),
	}}
	s.searches()
	if output := s.run("describe"); !bytes.Contains(output, []byte("tactus.fleet.v1.FleetService")) {
		t.Errorf("services: %s", output)
	}
	if output := s.run("describe", "tactus.matchmaker.v1.Assignment"); !bytes.Contains(output, []byte("string join_token = 3")) {
		t.Errorf("Assignment: %s", output)
	}
	if output := s.run("health"); !bytes.Contains(output, []byte(`"SERVING"`)) {
		t.Errorf("health: %s", output)
	}
}
