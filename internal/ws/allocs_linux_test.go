package ws

import (
	"testing"

	"golang.org/x/sys/unix"

	"tactus/protocol"
)

// pair is a connection over a Unix socket pair: data has arrived when the write
// returns.
func pair(t testing.TB) (c *Conn, peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	work := new(closers)
	c = &Conn{stream: &rawStream{fd: fds[0], work: work}, fd: int32(fds[0]), maxMessage: protocol.MaxClientMessage}
	t.Cleanup(func() {
		c.Close(1000, "")
		_ = unix.Close(fds[1])
		work.Wait()
	})
	return c, fds[1]
}

// counter counts messages without keeping them.
type counter struct{ n int }

func (c *counter) Message([]byte) error { c.n++; return nil }

// tick is the I/O of a tick for one client: its input is sent and read, a snapshot is
// written and received.
func tick(t testing.TB, c tested, peer int, h *counter, input, snapshot, sink []byte) { //nolint:thelper // Helper allocates
	if _, err := unix.Write(peer, input); err != nil {
		t.Fatal(err)
	}
	if err := read(c, 1, h); err != nil {
		t.Fatal(err)
	}
	if taken, err := c.Write(1, snapshot); !taken || err != nil {
		t.Fatal(taken, err)
	}
	if n, err := unix.Read(peer, sink); err != nil || n < len(snapshot) {
		t.Fatal(n, err)
	}
}

func TestConn_tickAllocatesNothing(t *testing.T) {
	whole := binaryFrame("an input of some words")
	cases := []struct {
		name  string
		parts [][]byte
	}{
		{"input", [][]byte{whole}},
		{"three inputs", [][]byte{append(append(binaryFrame("a"), binaryFrame("b")...), binaryFrame("c")...)}},
		{"input in two parts", [][]byte{whole[:9], whole[9:]}},
		{"ping", [][]byte{clientFrame(9, []byte("ping"))}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, peer := pair(t)
			h := &counter{}
			snapshot, sink := serverFrame(make([]byte, 200)), make([]byte, 4096)
			i := 0
			allocs := testing.AllocsPerRun(200, func() {
				tick(t, c, peer, h, tc.parts[i%len(tc.parts)], snapshot, sink)
				i++
			})
			if allocs != 0 {
				t.Errorf("%v allocations a tick", allocs)
			}
			if h.n == 0 && tc.name != "ping" {
				t.Error("no message came through")
			}
		})
	}
}

func TestConn_silentTickAllocatesNothing(t *testing.T) {
	c, _ := pair(t)
	p := NewPoller(func() {})
	defer func() { _ = p.Close() }()
	keys := make([]uint32, 0, 8)
	allocs := testing.AllocsPerRun(200, func() {
		if read(c, 1, nil) != nil || !p.Park(c, 1) || len(p.Ready(keys[:0])) != 0 {
			t.Fatal("not silent")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a tick", allocs)
	}
}

func TestConn_idleHoldsNoBuffer(t *testing.T) {
	c, peer := pair(t)
	h := &counter{}
	whole := binaryFrame("input")
	for _, part := range [][]byte{whole[:4], whole[4:]} {
		if _, err := unix.Write(peer, part); err != nil {
			t.Fatal(err)
		}
		if err := read(c, 1, h); err != nil {
			t.Fatal(err)
		}
	}
	if h.n != 1 || c.carry.partial != nil || c.stream.(*rawStream).unsent != nil {
		t.Errorf("%d messages, partial %v", h.n, c.carry.partial)
	}
}

// BenchmarkTick is the whole cost of one client and tick on this side and on
// the peer's: one input in, one snapshot of 200 bytes out.
func BenchmarkTick(b *testing.B) {
	c, peer := pair(b)
	h := &counter{}
	input, snapshot, sink := binaryFrame("an input of some words"), serverFrame(make([]byte, 200)), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		tick(b, c, peer, h, input, snapshot, sink)
	}
}

// BenchmarkReadSilent is a read of a client that sends nothing.
func BenchmarkReadSilent(b *testing.B) {
	c, _ := pair(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := read(c, 1, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadySilent is a call of Ready with 16 parked clients that send nothing.
func BenchmarkReadySilent(b *testing.B) {
	p := NewPoller(func() {})
	defer func() { _ = p.Close() }()
	for i := range 16 {
		c, _ := pair(b)
		p.Park(c, uint32(i))
	}
	keys := make([]uint32, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		keys = p.Ready(keys[:0])
	}
}

// BenchmarkFrameParser parses the frame of one input.
func BenchmarkFrameParser(b *testing.B) {
	frame := binaryFrame("an input of some words")
	parser := frameParser{maxMessage: protocol.MaxClientMessage}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, size, _ := parser.next(frame); size == 0 {
			b.Fatal("no frame")
		}
	}
}
