//go:build unix

package tactuscmd

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestServices_surviveHangup(t *testing.T) {
	for command, answer := range map[string]string{
		"server": "SIGHUP ignored", "matchmaker": "queue rules read", "dev": "queue rules read",
	} {
		t.Run(command, func(t *testing.T) {
			args := anyPorts(t, command)
			ready := "game server listening"
			if command != "server" {
				args = append(args, "--rules", "../docs/examples/rules/duel.yaml")
				ready = map[string]string{"matchmaker": "matchmaker serves gRPC", "dev": "tactus ready"}[command]
			}
			p := startProcess(t, func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }, args...)
			p.waitFor(ready)
			p.forget() // the rules were read at start, too
			if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			p.waitFor(answer)
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d after SIGTERM", code)
			}
		})
	}
}

// A service goes on when nothing reads its log any more; a command whose reader
// has gone ends.
func TestServices_surviveBrokenPipes(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, func(c *exec.Cmd) { c.Stdout, c.Stderr = w, w },
		append(anyPorts(t, "dev"), "--listen", addr)...)
	_ = w.Close()
	if _, err := io.ReadAtLeast(r, make([]byte, 1), 1); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	answered := false
	for !answered {
		select {
		case <-p.ended:
			t.Fatalf("dev ended with its reader: %v", p.cmd.ProcessState)
		default:
		}
		resp, err := http.Get("http://" + addr + "/healthz")
		if answered = err == nil; answered {
			_ = resp.Body.Close()
		}
	}
	// Each SIGHUP is a line, and after SIGTERM come more.
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if code := p.wait(); code != 0 {
		t.Errorf("dev ended with %v", p.cmd.ProcessState)
	}
}

func TestVersion_endsWithItsReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	p := startProcess(t, func(c *exec.Cmd) { c.Stdout = w }, "version")
	_ = w.Close()
	p.wait()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGPIPE {
		t.Errorf("it ended with %v, want SIGPIPE", p.cmd.ProcessState)
	}
}
