package tactuscmd

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tactus/game"
	"tactus/game/arena"
)

// commandVariable makes this test's binary the program.
const commandVariable = "TACTUS_TEST_COMMAND"

// TestMain runs the command line instead of the tests in processes that they
// start.
func TestMain(m *testing.M) {
	ports := os.Getenv("TACTUS_DOCUMENT_PORTS")
	switch {
	case os.Getenv(commandVariable) != "":
	case ports != "":
		os.Args = append(os.Args[:1], elsewhere(os.Args[1:], strings.NewReplacer(strings.Split(ports, ",")...))...)
	default:
		forgetSettings()
		os.Exit(m.Run())
	}
	Program{Games: []game.Game{arena.Game}}.Main()
}

// forgetSettings keeps what the developer's environment configures out of the
// tests and of the processes that they start.
func forgetSettings() {
	keep := []string{"TACTUS_EXAMPLES"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if name == "PORT" || strings.HasPrefix(name, "TACTUS_") && !slices.Contains(keep, name) {
			_ = os.Unsetenv(name)
		}
	}
}

// process is the program, run by a test.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and all its output is in lines

	mu    sync.Mutex
	lines []string
	grown chan struct{} // capacity 1
}

// startProcess runs the program until the test ends. change may alter how it is
// started.
func startProcess(t *testing.T, change func(*exec.Cmd), args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...), ended: make(chan struct{}), grown: make(chan struct{}, 1)}
	out, in := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = in, in
	p.cmd.Env = append(os.Environ(), commandVariable+"=1")
	if change != nil {
		change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
			p.wake()
		}
	}()
	go func() {
		_ = p.cmd.Wait()
		_ = in.Close()
		<-read
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%v wrote\n%s", args, p.output())
		}
	})
	return p
}

func (p *process) wake() {
	select {
	case p.grown <- struct{}{}:
	default:
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// forget makes waitFor see only lines from now on.
func (p *process) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = nil
}

// waitFor waits for a line with a text and returns it.
func (p *process) waitFor(text string) string {
	p.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		for line := range strings.Lines(p.output()) {
			if strings.Contains(line, text) {
				return line
			}
		}
		select {
		case <-p.grown:
		case <-p.ended:
			if !strings.Contains(p.output(), text) {
				p.t.Fatalf("the process ended without %q", text)
			}
		case <-deadline.C:
			p.t.Fatalf("no line with %q", text)
		}
	}
}

// wait waits for the end and returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// anyPorts are the flags of a command that listens wherever there is room.
func anyPorts(t *testing.T, command string) []string {
	t.Helper()
	args := []string{command, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", t.TempDir(), "--log-format", "json"}
	if command == "server" {
		return append(args, "--matchmaker", "127.0.0.1:1")
	}
	return append(args, "--internal", "127.0.0.1:0")
}
