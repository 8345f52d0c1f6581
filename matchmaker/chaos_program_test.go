//go:build unix

package matchmaker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tactus/matchmaker"
)

// program is a process of the installation under test, which can be killed and
// started again at the same addresses.
type program struct {
	name  string
	args  []string
	log   string // file
	admin string // host:port
	http  *http.Client

	binary string
	cmd    *exec.Cmd
	gone   chan struct{} // closed when the process has ended
}

// buildBinary builds the real thing.
func buildBinary(t *testing.T, dir string) string {
	t.Helper()
	binary := filepath.Join(dir, "tactus")
	out, err := exec.Command("go", "build", "-o", binary, "tactus/cmd/tactus").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func (p *program) start(t *testing.T) {
	t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(p.binary, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	// The program takes its flags from the environment too; here only these count.
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "TACTUS_") || strings.HasPrefix(entry, "PORT=")
	})
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	cmd, gone := p.cmd, make(chan struct{})
	p.gone = gone
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
}

// kill ends the process without warning and waits for its end.
func (p *program) kill() {
	if p.gone == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.gone
}

// terminate asks the process to end and reports whether it did so in time and
// in order.
func (p *program) terminate(within time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.gone:
	case <-time.After(within):
		return fmt.Errorf("%s is there %v after SIGTERM", p.name, within)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with code %d after SIGTERM", p.name, code)
	}
	return nil
}

// freeze stops the process for a while, which does not know it.
func (p *program) freeze() (thaw func()) {
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	return func() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }
}

// ask reads JSON from the admin port.
func (p *program) ask(path string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		return err
	}
	res, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s of %s: %s", path, p.name, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// overview is what a replica's admin port shows.
func (p *program) overview() (matchmaker.Overview, error) {
	var o matchmaker.Overview
	err := p.ask("/api/matchmaker", &o)
	return o, err
}

// hosted is a match as its server's admin port shows it.
type hosted struct {
	ID      string
	People  int
	Queue   string
	Started time.Time
}

func (p *program) matches() ([]hosted, error) {
	var list []hosted
	err := p.ask("/api/matches", &list)
	return list, err
}
