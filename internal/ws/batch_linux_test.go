package ws

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"tactus/protocol"
)

// crowd is the connections that a test reads and writes in batches.
type crowd struct {
	t      testing.TB
	conns  []*Conn
	peers  []int
	inbox  []inbox
	ends   []outcome
	reads  ReadBatch
	writes WriteBatch
}

func newCrowd(t testing.TB, n int) *crowd {
	t.Helper()
	c := &crowd{t: t, inbox: make([]inbox, n), ends: make([]outcome, n)}
	for range n {
		one, peer := pair(t)
		c.conns, c.peers = append(c.conns, one), append(c.peers, peer)
	}
	return c
}

// send sends bytes from a client.
func (c *crowd) send(i int, b []byte) {
	c.t.Helper()
	if n, err := unix.Write(c.peers[i], b); n != len(b) {
		c.t.Fatal(n, err)
	}
}

// read reads all connections and returns the results.
func (c *crowd) read(now int64) (received []Received) {
	for i, one := range c.conns {
		c.ends[i].handler = &c.inbox[i]
		c.reads.Add(now, one, &c.ends[i])
	}
	c.reads.Run(now)
	for i := range c.ends {
		received = append(received, c.ends[i].received)
	}
	return received
}

// write sends a frame on each connection and returns the results.
func (c *crowd) write(now int64, frame func(i int) []byte) (sent []Sent) {
	for i, one := range c.conns {
		add(&c.writes, now, one, &c.ends[i], frame(i))
	}
	c.writes.Run(now)
	for i := range c.ends {
		sent = append(sent, c.ends[i].sent)
	}
	return sent
}

// TestReadBatch_readsEachConnectionAsIfAlone: each connection receives its own messages,
// also if others send nothing, incomplete frames, more than fits, invalid frames, or a
// close frame.
func TestReadBatch_readsEachConnectionAsIfAlone(t *testing.T) {
	const (
		plain = iota
		silent
		parted
		flooding
		breaking
		leaving
		failing
		gone
		late // after those that fill the memory
		clients
	)
	c := newCrowd(t, clients)
	c.conns[flooding].maxMessage = 20_000
	long := string(bytes.Repeat([]byte("x"), 18_000))
	whole := binaryFrame("in two parts")
	c.send(plain, append(binaryFrame("one"), binaryFrame("two")...))
	c.send(parted, whole[:7])
	c.send(flooding, binaryFrame(long))
	c.send(breaking, append(binaryFrame("still good"), serverFrame([]byte("without a mask"))...))
	c.send(leaving, clientFrame(8, []byte{0x03, 0xe8}))
	c.inbox[failing].fail = &CloseError{Code: protocol.CloseProtocol, Reason: "no"}
	c.send(failing, binaryFrame("refused"))
	if err := unix.Shutdown(c.peers[gone], unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	c.send(late, binaryFrame("here"))
	first := c.read(5)
	for range 3 {
		c.read(6)
	}
	c.send(parted, whole[7:])
	c.send(plain, binaryFrame("three"))
	second := c.read(7)
	want := [clients][]string{
		plain: {"one", "two", "three"}, parted: {"in two parts"}, flooding: {long}, breaking: {"still good"}, failing: {"refused"}, late: {"here"},
	}
	for i := range clients {
		if !slices.Equal(c.inbox[i].messages, want[i]) {
			t.Errorf("client %d: %.40q, want %.40q", i, c.inbox[i].messages, want[i])
		}
	}
	for _, i := range []int{breaking, leaving, failing} {
		var why *CloseError
		if err := first[i].Err; !errors.As(err, &why) || second[i].Err == nil {
			t.Errorf("client %d ended with %v, then %v", i, err, second[i].Err)
		}
	}
	if err := first[gone].Err; !errors.Is(err, io.EOF) {
		t.Errorf("who is gone: %v", err)
	}
	for _, i := range []int{plain, silent, parted, flooding, late} {
		if first[i].Err != nil || second[i].Err != nil {
			t.Errorf("client %d: %v, %v", i, first[i].Err, second[i].Err)
		}
	}
	if first[silent].LastReceived != 5 || second[silent].LastReceived != 5 || second[plain].LastReceived != 7 {
		t.Errorf("heard: %+v, %+v, %+v", first[silent], second[silent], second[plain])
	}
	if n := len(binaryFrame("one")); first[plain].Bytes != 2*n || second[silent].Bytes != 0 {
		t.Errorf("bytes: %d of %d, %d", first[plain].Bytes, 2*n, second[silent].Bytes)
	}
}

// TestWriteBatch_writesEachConnectionAsIfAlone: frames arrive whole and in order, also if
// other clients have stopped reading, wait for a pong, or have disconnected.
func TestWriteBatch_writesEachConnectionAsIfAlone(t *testing.T) {
	const (
		plain = iota
		stopped
		asking
		closed
		clients
	)
	c := newCrowd(t, clients)
	c.conns[closed].Close(protocol.CloseLeft, "")
	big := serverFrame(bytes.Repeat([]byte("old "), 8<<10))
	taken := 0
	for now := int64(1); ; now++ { // until the socket is full
		ok, err := c.conns[stopped].Write(now, big)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		taken++
	}
	small := func(i int) []byte { return serverFrame(numbered(i)) }
	c.conns[asking].ensureCarry().pong = appendControl(nil, 10, []byte("?"))
	sent := c.write(1000, small)
	frame := len(small(0))
	want := []Sent{
		{Taken: true, Bytes: frame}, {Blocked: true}, {Taken: true, Bytes: frame + 3}, {Err: c.conns[closed].ended},
	}
	if !slices.Equal(sent, want) {
		t.Errorf("%+v, want %+v", sent, want)
	}
	for i, expected := range map[int][]byte{plain: small(plain), asking: append([]byte{0x8a, 1, '?'}, small(asking)...)} {
		b := make([]byte, 200)
		if n, err := unix.Read(c.peers[i], b); err != nil || !bytes.Equal(b[:n], expected) {
			t.Errorf("client %d got %q, %v", i, b[:max(n, 0)], err)
		}
	}
	// A client that reads again gets the unsent part first, then the newest frame.
	left := taken * len(big)
	for sink := make([]byte, 64<<10); left > 0; {
		n, err := unix.Read(c.peers[stopped], sink)
		if errors.Is(err, unix.EAGAIN) {
			c.write(1001, func(i int) []byte { return small(i) })
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if left -= n; left < 0 && string(sink[n+left:n]) != string(small(stopped)) {
			t.Errorf("after the old frames came %q", sink[n+left:n])
		}
	}
}

// TestWriteBatch_keepsUnsentPartOfFrame: after a part of a frame, the client gets its
// other part and nothing else before it.
func TestWriteBatch_keepsUnsentPartOfFrame(t *testing.T) {
	c := newCrowd(t, 1)
	frame := serverFrame(bytes.Repeat([]byte("state "), 20_000))
	sent := 0
	for now := int64(1); ; now++ {
		s := c.write(now, func(int) []byte { return frame })[0]
		if s.Err != nil {
			t.Fatal(s.Err)
		}
		if s.Taken {
			sent += len(frame)
		}
		if s.Blocked {
			break
		}
	}
	if c.conns[0].BlockedSince() == 0 || !c.conns[0].Blocked() {
		t.Error("nothing waits, though the socket is full")
	}
	got := 0
	for sink := make([]byte, 64<<10); got < sent; {
		n, err := unix.Read(c.peers[0], sink)
		if errors.Is(err, unix.EAGAIN) {
			if _, err := c.conns[0].Flush(1000); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if sink[i] != frame[(got+i)%len(frame)] {
				t.Fatalf("byte %d is %q", got+i, sink[i])
			}
		}
		got += n
	}
}

func TestBatches_allocateNothing(t *testing.T) {
	c := newCrowd(t, 80) // more than are read in one loop
	input, frame, sink := binaryFrame("an input of some words"), serverFrame(make([]byte, 200)), make([]byte, 4096)
	counted := &counter{}
	for i := range c.ends {
		c.ends[i].handler = counted
	}
	allocs := testing.AllocsPerRun(100, func() {
		for i, one := range c.conns {
			c.send(i, input)
			c.reads.Add(1, one, &c.ends[i])
		}
		c.reads.Run(1)
		for i, one := range c.conns {
			add(&c.writes, 1, one, &c.ends[i], frame)
		}
		c.writes.Run(1)
		for i := range c.conns {
			if end := &c.ends[i]; end.received.Err != nil || !end.sent.Taken {
				t.Fatalf("%+v, %+v", end.received, end.sent)
			}
			if n, err := unix.Read(c.peers[i], sink); n != len(frame) {
				t.Fatal(n, err)
			}
		}
	})
	if allocs != 0 || counted.n < 8000 {
		t.Errorf("%v allocations a tick, %d messages", allocs, counted.n)
	}
}

// TestWriteBatch_movesFramesThatOutgrowIt: frames remain intact if the memory in which
// they are built grows, in Room or by appending.
func TestWriteBatch_movesFramesThatOutgrowIt(t *testing.T) {
	c := newCrowd(t, 20)
	frame := func(i int) []byte { return serverFrame(bytes.Repeat([]byte{byte(i)}, 100*i)) }
	for i, one := range c.conns {
		buf := append(c.writes.Room(3), frame(i)...)
		c.writes.Add(1, one, &c.ends[i], buf, 3)
	}
	c.writes.Run(1)
	for i := range c.conns {
		got := make([]byte, 4096)
		if n, err := unix.Read(c.peers[i], got); err != nil || !bytes.Equal(got[:n], frame(i)) {
			t.Errorf("client %d got %d bytes, %v", i, n, err)
		}
	}
}

// TestWriteBatch_writesWhenFull: a batch exceeds its size by at most the last frames.
func TestWriteBatch_writesWhenFull(t *testing.T) {
	c := newCrowd(t, 2)
	frame := serverFrame(make([]byte, writeBatchSize))
	add(&c.writes, 1, c.conns[0], &c.ends[0], frame)
	if !c.ends[0].sent.Taken {
		t.Error("not written")
	}
	add(&c.writes, 1, c.conns[1], &c.ends[1], serverFrame(nil))
	if c.ends[1].sent.Taken {
		t.Error("written before the batch is full")
	}
	c.writes.Run(1)
	if !c.ends[1].sent.Taken {
		t.Error("not written by Run")
	}
}

// BenchmarkBatches is the I/O of a tick with many clients, on both sides.
func BenchmarkBatches(b *testing.B) {
	c := newCrowd(b, 64)
	input, frame, sink := binaryFrame("an input of some words"), serverFrame(make([]byte, 200)), make([]byte, 4096)
	counted := &counter{}
	for i := range c.ends {
		c.ends[i].handler = counted
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, one := range c.conns {
			if n, err := unix.Write(c.peers[i], input); n != len(input) {
				b.Fatal(n, err)
			}
			c.reads.Add(1, one, &c.ends[i])
		}
		c.reads.Run(1)
		for i, one := range c.conns {
			add(&c.writes, 1, one, &c.ends[i], frame)
		}
		c.writes.Run(1)
		for i := range c.conns {
			if n, err := unix.Read(c.peers[i], sink); n != len(frame) {
				b.Fatal(n, err)
			}
		}
	}
}
