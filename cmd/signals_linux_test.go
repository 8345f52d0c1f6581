package tactuscmd

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return master, terminal
}

// `tactus dev` ends in order when the window that it runs in is closed.
func TestDev_endsWithItsTerminal(t *testing.T) {
	master, terminal := openTerminal(t)
	p := startProcess(t, func(c *exec.Cmd) {
		c.Stdin = terminal
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}, append(anyPorts(t, "dev"), "--rules", "../docs/examples/rules/duel.yaml")...)
	_ = terminal.Close()
	p.waitFor("tactus ready")
	p.forget()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.waitFor("queue rules read") // the terminal is there: a hangup is a reload
	_ = master.Close()
	p.waitFor("terminal closed")
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
