package ws

import (
	"bytes"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRawStream_unsentBytesAreLimited: the kernel keeps few small frames for a client
// that stops reading: some hundred bytes are a second of the game.
func TestRawStream_unsentBytesAreLimited(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	const window = 64 << 10 // a usual one
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, window)
		}); e != nil {
			return e
		}
		return err
	}}
	nc, err := dialer.DialContext(t.Context(), "tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cl := upgrade(t, nc, nil)
	c := r.conn()
	frame := serverFrame(bytes.Repeat([]byte("old "), 25))
	sent := 0
	for now := int64(1); !c.Blocked(); now++ {
		taken, err := c.Write(now, frame)
		if err != nil {
			t.Fatal(err)
		}
		if taken {
			sent += len(frame)
		}
	}
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	arrived := 0 // the client's own system has them
	if e := raw.Control(func(fd uintptr) { arrived, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	if waits := sent - arrived; waits > unsentLimit+2*len(frame) {
		t.Errorf("%d bytes wait for a client that reads nothing, want little more than %d", waits, unsentLimit)
	}
	received := make(chan []string)
	go func() { received <- readUntil(cl, "newest") }()
	writeUntilTaken(t, c, serverFrame([]byte("newest")))
	if got := <-received; len(got) != sent/len(frame)+1 {
		t.Errorf("the client got %d frames, want %d and the newest", len(got), sent/len(frame))
	}
	flushed(t, c)
}
