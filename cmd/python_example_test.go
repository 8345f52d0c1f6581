package tactuscmd

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tactus/protocol"
)

var pythonClient = filepath.Join("..", "docs", "examples", "python-client")

// python makes a command of the client in docs/examples, which runs as it
// stands, by an interpreter that has its libraries. With TACTUS_EXAMPLES set it
// is an error when there is none.
func python(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	for _, program := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), program, "-c", "import msgpack, websocket").Run() != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = pythonClient
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		return cmd
	}
	const missing = "no python3 has msgpack and websocket-client (on Debian: apt-get install python3-msgpack python3-websocket)"
	if os.Getenv("TACTUS_EXAMPLES") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return nil
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return string(out)
}

func TestPythonClient_readsVectors(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	if out := output(t, python(t, "vectors.py")); !strings.Contains(out, "read as the vectors have them") {
		t.Errorf("it says %q", out)
	}
}

// TestPythonClient_plays: it searches, plays, chats, loses its connection, comes
// back to its seat and leaves.
func TestPythonClient_plays(t *testing.T) {
	if testing.Short() {
		t.Skip("plays with a process of its own: nothing for the race detector")
	}
	p := startDev(t, nil)
	cmd := python(t, "play.py", "--url", "http://"+p.public.Addr().String(), "--mode", "ffa", "--seconds", "4", "--name", "Guido")
	var played struct {
		Name                           string
		Features                       []string
		Applied, Sent, Hashes, Resyncs int
		Chat                           []any `json:"said"`
		Refused                        []any
		Closed                         protocol.CloseCode
	}
	out := output(t, cmd)
	if err := json.Unmarshal([]byte(out), &played); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if played.Name != "Guido" || len(played.Features) != 1 || played.Closed != protocol.CloseLeft {
		t.Errorf("it played as %q with features %v and was closed with %v", played.Name, played.Features, played.Closed)
	}
	if played.Hashes < 2 || played.Resyncs != 0 || played.Applied == 0 || played.Applied > played.Sent {
		t.Errorf("%d hashes compared, %d resyncs, input %d of %d applied", played.Hashes, played.Resyncs, played.Applied, played.Sent)
	}
	if played.Chat[0] != true || played.Refused[0] != false || played.Refused[2] != protocol.ReasonTooLong {
		t.Errorf("chat was answered with %v and %v", played.Chat, played.Refused)
	}
}
