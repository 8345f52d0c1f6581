//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// frameSize is what each side sends the other each tick: a number that the
	// client counts up and the server repeats, and filler.
	frameSize = 120
	hz        = 30
	period    = time.Second / hz
)

// load is how many clients there are and how they share matches.
type load struct {
	matches  int
	perMatch int
}

func (l load) clients() int { return l.matches * l.perMatch }

// served is what a server says when it ends.
type served struct {
	Inputs  uint64 // frames received
	Blocked uint64 // sends refused by a full socket
	Late    uint64 // ticks that began more than half a period after their time
	Broken  uint64 // frames that were not the next one of their client
}

// serve takes the clients of all matches, plays until stop is closed, and
// writes its address and in the end its account to out, a line each.
func serve(v variant, l load, stop <-chan struct{}, out io.Writer) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, listener.Addr())
	fds, err := acceptAll(listener, l.clients())
	if err != nil {
		return err
	}
	var (
		playing  sync.WaitGroup
		total    served
		failures = make(chan error, l.matches)
		start    = time.Now()
	)
	for i := range l.matches {
		phase := period * time.Duration(i) / time.Duration(l.matches)
		m := &room{begin: start.Add(phase), stop: stop, account: &total}
		playing.Go(func() { failures <- m.run(v, fds[i*l.perMatch:][:l.perMatch]) })
	}
	playing.Wait()
	for range l.matches {
		if err := <-failures; err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(&total)
}

// acceptAll takes descriptors out of Go's poller, as the product does.
func acceptAll(listener net.Listener, count int) ([]int32, error) {
	defer func() { _ = listener.Close() }()
	fds := make([]int32, 0, count)
	for range count {
		conn, err := listener.Accept()
		if err != nil {
			return nil, err
		}
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			return nil, err
		}
		var dupErr error
		err = raw.Control(func(fd uintptr) {
			var own int
			own, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
			fds = append(fds, int32(own))
		})
		if err == nil {
			err = dupErr
		}
		if err != nil {
			return nil, err
		}
		_ = conn.Close()
	}
	return fds, nil
}

// room is one match: its clients are read, answered and written once a tick.
type room struct {
	begin   time.Time
	stop    <-chan struct{}
	account *served

	x        *exchange
	received []uint64 // bytes of each client
	newest   []uint64 // newest number of each client
	inputs   uint64
	late     uint64
	broken   uint64
}

func (m *room) run(v variant, fds []int32) error {
	if v.deferred {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	m.received, m.newest = make([]uint64, len(fds)), make([]uint64, len(fds))
	x, err := newExchange(v, fds, m.got)
	if err != nil {
		return err
	}
	defer x.close()
	m.x = x
	for next := m.begin; ; next = next.Add(period) {
		time.Sleep(time.Until(next))
		if time.Since(next) > period/2 {
			m.late++
		}
		select {
		case <-m.stop:
			m.settle()
			return nil
		default:
		}
		if err := m.tick(); err != nil {
			return err
		}
	}
}

func (m *room) tick() error {
	if err := m.x.receive(); err != nil {
		return err
	}
	for client, newest := range m.newest {
		binary.LittleEndian.PutUint64(m.x.frame(client), newest)
	}
	return m.x.send()
}

// got checks the numbers of the frames that begin in b; a frame whose number is
// split between two receives is counted and not checked.
func (m *room) got(client int, b []byte) {
	before := m.received[client]
	m.received[client] += uint64(len(b))
	for at := untilFrame(before); at+8 <= len(b); at += frameSize {
		number := binary.LittleEndian.Uint64(b[at:])
		if number != (before+uint64(at))/frameSize+1 {
			m.broken++
		}
		m.newest[client] = number
	}
}

func (m *room) settle() {
	for _, bytes := range m.received {
		m.inputs += bytes / frameSize
	}
	atomic.AddUint64(&m.account.Inputs, m.inputs)
	atomic.AddUint64(&m.account.Blocked, m.x.blocked)
	atomic.AddUint64(&m.account.Late, m.late)
	atomic.AddUint64(&m.account.Broken, m.broken)
}

// untilFrame is how many bytes after the first received ones the next frame
// begins.
func untilFrame(received uint64) int { return int((frameSize - received%frameSize) % frameSize) }
