//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is this program in one of its roles, on one core.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
}

// start runs this program with args on the given core; where there is one core
// only, all share it.
func start(core int, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, args...)}
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewReader(stdout)
	return p, onCore(core, p.cmd.Start)
}

// onCore runs f on a thread bound to a core, which the processes it starts
// inherit.
func onCore(core int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	if one.Set(core); all.IsSet(core) {
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return err
		}
		defer func() { _ = unix.SchedSetaffinity(0, &all) }()
	}
	return f()
}

func (p *process) line() (string, error) {
	s, err := p.lines.ReadString('\n')
	return strings.TrimSpace(s), err
}

// account ends the role's work and reads what it has to say. The process keeps
// its sockets open until it is ended, so that the other side sees no error.
func (p *process) account(into any) error {
	if _, err := io.WriteString(p.stdin, "stop\n"); err != nil {
		return err
	}
	s, err := p.line()
	if err != nil {
		return fmt.Errorf("%s %s: %w", p.cmd.Args[0], p.cmd.Args[1], err)
	}
	return json.Unmarshal([]byte(s), into)
}

func (p *process) end() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
}

// cpu is the processor time the process has taken so far, user and system, of
// all its threads. The clock's number is made of the process id as the macros
// of linux/posix-timers.h do.
func (p *process) cpu() (time.Duration, error) {
	const schedClock = 2
	var t unix.Timespec
	err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|schedClock), &t)
	return time.Duration(t.Nano()), os.NewSyscallError("clock_gettime", err)
}

// role runs work until a line comes in, and returns when the input ends.
func role(work func(stop <-chan struct{}) error) error {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		in := bufio.NewReader(os.Stdin)
		_, err := in.ReadString('\n')
		close(stop)
		if err == nil {
			_, err = in.ReadString('\n')
		}
		ended <- err
	}()
	if err := work(stop); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
