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
	Frames  uint64 // frames sent
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
		threads  = v.workers(l)
		failures = make(chan error, len(threads))
		start    = time.Now()
	)
	for _, matches := range threads {
		w := worker{variant: v, stop: stop, account: &total}
		for _, i := range matches {
			phase := period * time.Duration(i) / time.Duration(l.matches)
			w.rooms = append(w.rooms, &room{next: start.Add(phase), fds: fds[i*l.perMatch:][:l.perMatch]})
		}
		playing.Go(func() { failures <- w.run() })
	}
	playing.Wait()
	for range threads {
		if err := <-failures; err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(&total)
}

// workers are the numbers of the matches that share a goroutine.
func (v variant) workers(l load) [][]int {
	var each [][]int
	var all []int
	for i := range l.matches {
		each = append(each, []int{i})
		all = append(all, i)
	}
	if v.oneThread {
		return [][]int{all}
	}
	return each
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

// worker is a goroutine that runs matches, in the order of their phases.
type worker struct {
	variant
	rooms   []*room
	stop    <-chan struct{}
	account *served
}

func (w *worker) run() error {
	if w.deferred || w.oneThread {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	for _, m := range w.rooms {
		if err := m.open(w.variant); err != nil {
			return err
		}
		defer m.x.close()
	}
	for turn := 0; ; turn++ {
		m := w.rooms[turn%len(w.rooms)]
		w.sleepUntil(m.next)
		if time.Since(m.next) > period/2 {
			m.late++
		}
		m.next = m.next.Add(period)
		select {
		case <-w.stop:
			for _, m := range w.rooms {
				m.settle(w.account)
			}
			return nil
		default:
		}
		if err := m.tick(); err != nil {
			return err
		}
	}
}

// sleepUntil waits in the kernel where the thread is ours: a locked goroutine
// that waits in Go's scheduler needs another thread to wake its own.
func (w *worker) sleepUntil(next time.Time) {
	wait := time.Until(next)
	if !w.oneThread {
		time.Sleep(wait)
		return
	}
	if wait > 0 {
		t := unix.NsecToTimespec(int64(wait))
		_ = unix.Nanosleep(&t, nil) // a signal makes it early, which costs nothing but a turn's punctuality
	}
}

// room is one match: its clients are read, answered and written once a tick.
type room struct {
	next     time.Time
	fds      []int32
	x        *exchange
	received []uint64 // bytes of each client
	newest   []uint64 // newest number of each client
	ticks    uint64
	late     uint64
	broken   uint64
}

func (m *room) open(v variant) (err error) {
	m.received, m.newest = make([]uint64, len(m.fds)), make([]uint64, len(m.fds))
	m.x, err = newExchange(v, m.fds, m.got)
	return err
}

func (m *room) tick() error {
	if err := m.x.receive(); err != nil {
		return err
	}
	for client, newest := range m.newest {
		binary.LittleEndian.PutUint64(m.x.frame(client), newest)
	}
	m.ticks++
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

func (m *room) settle(account *served) {
	atomic.AddUint64(&account.Frames, m.ticks*uint64(len(m.fds))-m.x.blocked)
	atomic.AddUint64(&account.Blocked, m.x.blocked)
	atomic.AddUint64(&account.Late, m.late)
	atomic.AddUint64(&account.Broken, m.broken)
}

// untilFrame is how many bytes after the first received ones the next frame
// begins.
func untilFrame(received uint64) int { return int((frameSize - received%frameSize) % frameSize) }
