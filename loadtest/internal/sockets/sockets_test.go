//go:build linux

package sockets

import (
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
func await(t *testing.T, r *Receiver, fd int) (data []byte, at int64, more bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		r.Look()
		data, at, more, err := r.Receive(fd)
		if err == nil {
			return data, at, more
		}
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestArrivalIsWhenItCame: whoever reads late learns all the same when it came.
// The kernel begins to note arrivals some time after the first socket has asked
// for it (it patches its code for that, in the background), so what comes first
// may not have a time yet and is said to have come when it was read.
func TestArrivalIsWhenItCame(t *testing.T) {
	fd, peer := pair(t)
	now := clock()
	r := NewReceiver(64, now)
	set, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := set.Add(fd, 7, Edge); err != nil {
		t.Fatal(err)
	}
	const busy = int64(200 * time.Millisecond)
	const slack = busy / 4 // two clocks are compared, so a little is left open on either side
	for deadline := time.Now().Add(time.Minute); ; {
		before := now()
		if _, err := peer.Write([]byte("early")); err != nil {
			t.Fatal(err)
		}
		awaitReady(t, set, 7)
		after := now()
		for now() < after+busy { // it is busy with something else
		}
		data, at, more := await(t, r, fd)
		if string(data) != "early" || more {
			t.Fatalf("got %q, more %v", data, more)
		}
		if at >= before-slack && at <= after+slack {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it came at %v, is said to have come at %v", time.Duration(after), time.Duration(at))
		}
	}
}

// awaitReady asks the set until it says that this one, and only this one, is ready.
func awaitReady(t *testing.T, set *Set, id int32) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		ready, err := set.Ready()
		if err != nil {
			t.Fatal(err)
		}
		if len(ready) == 1 && ready[0].Fd == id {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d is not ready", id)
		}
	}
}

func TestWhatIsLongerComesInParts(t *testing.T) {
	fd, peer := pair(t)
	r := NewReceiver(4, clock())
	if _, err := peer.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if data, _, more := await(t, r, fd); string(data) != "abcd" || !more {
		t.Errorf("first %q, more %v", data, more)
	}
	if data, _, more := await(t, r, fd); string(data) != "ef" || more {
		t.Errorf("then %q, more %v", data, more)
	}
	peer.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		_, _, _, err := r.Receive(fd)
		if errors.Is(err, io.EOF) {
			return
		}
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(deadline) {
			t.Fatalf("after the end: %v, want EOF", err)
		}
	}
}

func TestASetTellsOnceAndWithoutWaiting(t *testing.T) {
	fd, peer := pair(t)
	set, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := set.Add(fd, 1, Edge); err != nil {
		t.Fatal(err)
	}
	if ready, err := set.Ready(); err != nil || len(ready) != 0 {
		t.Fatalf("%v, %v before anything came", ready, err)
	}
	if _, err := peer.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	told := 0
	for range 1000 {
		ready, err := set.Ready()
		if err != nil {
			t.Fatal(err)
		}
		if told += len(ready); set.Full(ready) {
			t.Fatal("one event fills the set")
		}
		Rest(0)
		if told > 0 {
			break
		}
	}
	if ready, _ := set.Ready(); told != 1 || len(ready) != 0 {
		t.Errorf("told %d times, then %d times more", told, len(ready))
	}
	if n, err := Send(fd, []byte("back")); n != 4 || err != nil {
		t.Errorf("sent %d, %v", n, err)
	}
}

func TestOnlyDescriptorsAreDetached(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	if _, err := Detach(a); err == nil {
		t.Error("a pipe was detached")
	}
}
