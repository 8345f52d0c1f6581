//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pins says on which processor a child runs: the server on one, the processes that
// make its load on another.
type pins struct{ server, load string }

// none lets the system choose a child's processor.
const none = ""

// newPins chooses processors, or none on a machine with one processor or without
// taskset. The suite itself, which plays on some servers, runs on the load's.
func newPins() pins {
	n := runtime.NumCPU()
	if _, err := exec.LookPath("taskset"); err != nil || n < 2 || pinTo(0) != nil {
		return pins{}
	}
	return pins{server: strconv.Itoa(n - 1), load: "0"}
}

// pinTo keeps all present and future threads of this process on a processor.
func pinTo(cpu int) error {
	runtime.GOMAXPROCS(1)
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var set unix.CPUSet
	set.Set(cpu)
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return err
		}
	}
	return nil
}

// process is a child process. It is not safe for concurrent use, except for its
// channel done.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
	err  error
}

// start runs a program on a processor, with its output in a file of the cache.
func start(name, cpu, program string, args ...string) (*process, error) {
	if cpu != none {
		program, args = "taskset", append([]string{"-c", cpu, program}, args...)
	}
	log, err := os.Create(filepath.Join(cacheDir, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	// The program also reads flags from the environment. Here only args count.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "TACTUS_") || strings.HasPrefix(entry, "PORT=")
	})
	// All clients have one address. A variable, since older builds do not know the flag.
	cmd.Env = append(cmd.Env, "TACTUS_LIMIT_EXEMPT=127.0.0.0/8")
	// A child does not outlive the suite, even if that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	began := make(chan error)
	go func() {
		// Pdeathsig follows the thread that started the child.
		runtime.LockOSThread()
		err := cmd.Start()
		began <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-began; err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), log.Close())
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop interrupts the child, and kills it if it does not end.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	_ = p.log.Close()
}

// How long children may take to end, and to be ready.
const (
	stopTimeout  = 5 * time.Second
	startTimeout = 20 * time.Second
)

// waitUntilListening waits until the child accepts connections.
func (p *process) waitUntilListening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return p.exitError()
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w", p.name, addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// exitError returns why the child ended, with the end of its output.
func (p *process) exitError() error {
	text, _ := os.ReadFile(p.log.Name())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%s ended: %w: %s", p.name, p.err, strings.Join(lines[max(0, len(lines)-3):], "; "))
}

// run waits for a child that ends by itself.
func run(ctx context.Context, name, cpu, program string, args ...string) error {
	p, err := start(name, cpu, program, args...)
	if err != nil {
		return err
	}
	defer p.stop()
	select {
	case <-p.done:
		if p.err != nil {
			return p.exitError()
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// freePorts returns TCP ports that are free on the loopback.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// clockTick is what /proc/PID/stat counts in: USER_HZ, see proc_pid_stat(5).
const clockTick = 10 * time.Millisecond

// cpuTime returns the user and system time of all threads of a process.
func cpuTime(pid int) (time.Duration, error) {
	user, system, err := cpuTimes(pid)
	return user + system, err
}

func cpuTimes(pid int) (user, system time.Duration, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	const utime = 14 - 3 // counted from the field after the name
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < utime+2 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has an unexpected shape", pid)
	}
	inUser, err1 := strconv.ParseInt(string(fields[utime]), 10, 64)
	inSystem, err2 := strconv.ParseInt(string(fields[utime+1]), 10, 64)
	return time.Duration(inUser) * clockTick, time.Duration(inSystem) * clockTick, errors.Join(err1, err2)
}

// residentMemory returns the bytes that a process has in RAM (proc_pid_status(5)).
func residentMemory(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return 0, errors.New("no VmRSS in /proc/PID/status")
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	return kb << 10, err
}
