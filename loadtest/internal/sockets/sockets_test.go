//go:build linux

package sockets

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns a detached descriptor and the other end of its connection.
func pair(t *testing.T) (fd int, peer net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if peer, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	if fd, err = Detach(conn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fd)
		peer.Close()
	})
	return fd, peer
}

func clock() func() int64 {
	start := time.Now()
	return func() int64 { return int64(time.Since(start)) }
}

// await reads until there is something.
func await(t *testing.T, r *Receiver, fd int) Received {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		r.ReadClock()
		got := r.Receive(fd)
		if got.Err == nil {
			return got
		}
		if !errors.Is(got.Err, unix.EAGAIN) || time.Now().After(deadline) {
			t.Fatal(got.Err)
		}
	}
}

// A late read reports the time of arrival. The kernel starts to note arrivals some
// time after the first socket has asked for it: it patches its code in the
// background. So the first bytes may be reported as arrived when they were read.
func TestReceiver_reportsTimeOfArrival(t *testing.T) {
	fd, peer := pair(t)
	now := clock()
	r := NewReceiver(64, now)
	const busy = int64(200 * time.Millisecond)
	const slack = busy / 4 // two clocks are compared, so a little is left open on either side
	for deadline := time.Now().Add(time.Minute); ; {
		before := now()
		if _, err := peer.Write([]byte("early")); err != nil {
			t.Fatal(err)
		}
		awaitReadable(t, fd)
		after := now()
		for now() < after+busy { // it is busy with something else
		}
		got := await(t, r, fd)
		if string(got.Data) != "early" || got.More {
			t.Fatalf("got %q, more %v", got.Data, got.More)
		}
		if got.At >= before-slack && got.At <= after+slack {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it came at %v, is said to have come at %v", time.Duration(after), time.Duration(got.At))
		}
	}
}

func awaitReadable(t *testing.T, fd int) {
	t.Helper()
	list := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for deadline := time.Now().Add(time.Minute); ; {
		n, err := unix.Poll(list, 1000)
		if n == 1 {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			t.Fatal(n, err)
		}
	}
}

func TestReceiver_returnsLongDataInParts(t *testing.T) {
	fd, peer := pair(t)
	r := NewReceiver(4, clock())
	if _, err := peer.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if got := await(t, r, fd); string(got.Data) != "abcd" || !got.More {
		t.Errorf("first %q, more %v", got.Data, got.More)
	}
	if got := await(t, r, fd); string(got.Data) != "ef" || got.More {
		t.Errorf("then %q, more %v", got.Data, got.More)
	}
	peer.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		err := r.Receive(fd).Err
		if errors.Is(err, io.EOF) {
			return
		}
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(deadline) {
			t.Fatalf("after the end: %v, want EOF", err)
		}
	}
}

// Each socket has its own bytes, also when the buffer is too small for all at once.
func TestReceiveAllAndWriteBatch_keepSocketsApart(t *testing.T) {
	const clients = 10
	var out WriteBatch
	var fds []int32
	for i := range clients {
		fd, peer := pair(t)
		fds = append(fds, int32(fd))
		if i == 7 {
			continue // sends nothing
		}
		if _, err := peer.Write(bytes.Repeat([]byte{byte(i)}, 3+i)); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReceiver(32, clock())
	left, got := fds, make([]Received, clients)
	seen, rounds := map[byte]int{}, 0
	for deadline := time.Now().Add(time.Minute); out.Len() < clients-1; rounds++ {
		if time.Now().After(deadline) {
			t.Fatalf("only %v came", seen)
		}
		n := r.ReceiveAll(left, got)
		for i, g := range got[:n] {
			if errors.Is(g.Err, unix.EAGAIN) {
				continue
			}
			who := g.Data[0]
			if g.Err != nil || fds[who] != left[i] || !bytes.Equal(g.Data, bytes.Repeat([]byte{who}, len(g.Data))) {
				t.Fatalf("of %d came %v, %v", left[i], g.Data, g.Err)
			}
			if seen[who] += len(g.Data); seen[who] == 3+int(who) {
				out.Add(int(left[i]), []byte{who})
			}
		}
		if left = left[n:]; len(left) == 0 {
			left = fds
		}
	}
	if rounds < 2 {
		t.Errorf("%d rounds: the memory was to be too small for one", rounds)
	}
	out.Add(-1, []byte("nobody"))
	out.Flush()
	for i := range out.Len() {
		rest, err := out.Sent(i)
		if (len(rest) != 0) != (i == clients-1) || (err != nil) != (i == clients-1) {
			t.Errorf("number %d: rest %q, %v", i, rest, err)
		}
	}
	if out.Clear(); out.Len() != 0 {
		t.Error("it is not empty")
	}
}

func TestDetach_refusesConnectionsWithoutDescriptor(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	if _, err := Detach(a); err == nil {
		t.Error("a pipe was detached")
	}
}
