package ws

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/testtime"
	"tactus/protocol"
)

func TestUpgrader_keepsBytesAfterHandshake(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		early := append(binaryFrame("hello"), binaryFrame("first input")...)
		half := binaryFrame("second input")
		cl := r.dial(append(early, half[:5]...)...)
		p := r.pending()
		hello, err := p.ReadMessage(time.Now().Add(patience))
		if err != nil || string(hello) != "hello" {
			t.Fatalf("got %q, %v", hello, err)
		}
		c, err := p.Conn()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(1000, "")
		var got inbox
		if err := read(c, 1, &got); err != nil {
			t.Fatal(err)
		}
		wantMessages(t, got.messages, "first input")
		cl.send(half[5:])
		if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 2 }); err != nil {
			t.Fatal(err)
		}
		wantMessages(t, got.messages, "first input", "second input")
	})
}

func TestPending_observesDeadline(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	cl := r.dial()
	p := r.pending()
	if _, err := p.ReadMessage(time.Now().Add(-time.Second)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want a passed deadline", err)
	}
	p.Close(protocol.CloseIdle, "no hello")
	if code, reason := cl.closed(); code != protocol.CloseIdle || reason != "no hello" {
		t.Errorf("closed with %d %q", code, reason)
	}
	if _, err := p.Conn(); err == nil {
		t.Error("a closed connection was handed over")
	}
}

func TestPending_rejectsManyPings(t *testing.T) {
	r := newHarness(t, &Upgrader{})
	cl := r.dial(repeat(clientFrame(ws.OpPing, nil), maxPendingPings+1)...)
	_, err := r.pending().ReadMessage(time.Now().Add(patience))
	var closeErr *CloseError
	if !errors.As(err, &closeErr) || closeErr.Code != protocol.CloseProtocol {
		t.Fatalf("got %v", err)
	}
	if code, _ := cl.closed(); code != protocol.CloseProtocol {
		t.Errorf("closed with %d", code)
	}
}

// TestConn_clientStopsReading: while part of a frame is unsent, no other is accepted, and
// memory stays bounded. When the client reads again it gets whole frames and the newest
// state.
func TestConn_clientStopsReading(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		frame := serverFrame(bytes.Repeat([]byte("old "), 4096))
		taken := 0
		refused := 0
		var since int64
		// A portable frame is pending until its goroutine has written it: only
		// several rejections in a row show that the client has stopped.
		now := int64(0)
		testtime.Until(t, "100 rejections in a row", func() bool {
			now++
			ok, err := c.Write(now, frame)
			if err != nil {
				t.Fatal(err)
			}
			refused++
			if ok {
				taken++
				refused = 0
				since = now
			}
			return refused == 100
		})
		if !c.Blocked() || c.BlockedSince() < since || c.BlockedSince() > now {
			t.Fatalf("%d refusals, blocked %v since %d, want since %d or a little later", refused, c.Blocked(), c.BlockedSince(), since)
		}
		if out := c.BytesOut(); out != uint64(taken*len(frame)) {
			t.Errorf("BytesOut %d after %d frames of %d", out, taken, len(frame))
		}
		received := make(chan []string)
		go func() { received <- readUntil(cl, "newest") }()
		writeUntilTaken(t, c, serverFrame([]byte("newest")))
		got := <-received
		if len(got) != taken+1 {
			t.Errorf("the client got %d frames, want %d and the newest", len(got), taken)
		}
		for _, m := range got[:len(got)-1] {
			if m != string(frame[4:]) {
				t.Fatal("a frame arrived damaged")
			}
		}
		flushed(t, c)
		if c.BlockedSince() != 0 {
			t.Error("still blocked after everything went out")
		}
	})
}

// TestConn_slowReaderMakesProgress: the frame of a client that reads slowly may take
// long; what counts is since when the socket has accepted nothing.
func TestConn_slowReaderMakesProgress(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		if taken, err := c.Write(1, serverFrame(make([]byte, MaxWrite-FrameRoom))); !taken || err != nil {
			t.Fatal(taken, err)
		}
		if !c.Blocked() {
			t.Skip("the system takes all of it at once")
		}
		cl.setDeadline()
		const now = 1000
		some := make([]byte, 32<<10)
		testtime.Until(t, "the socket takes more", func() bool {
			if idle, err := c.Flush(now); err != nil || idle {
				t.Fatal("idle:", idle, err)
			}
			if c.BlockedSince() == now {
				return true
			}
			if _, err := cl.r.Read(some); err != nil {
				t.Fatal(err)
			}
			return false
		})
	})
}

func TestConn_RoundTripIsTheKernels(t *testing.T) {
	for name, u := range map[string]*Upgrader{
		"raw": {}, "portable": {ForcePortable: true}, "behind a proxy": {Proxied: func(*http.Request) bool { return true }},
	} {
		r := newHarness(t, u)
		r.dial()
		c := r.conn()
		rtt, deviation, ok := c.RoundTrip()
		if want := rawStreams && name == "raw"; ok != want || ok && (rtt <= 0 || rtt > patience || deviation > patience) {
			t.Errorf("%s: %v, deviation %v, measured %v", name, rtt, deviation, ok)
		}
		if allocs := testing.AllocsPerRun(10, func() { _, _, _ = c.RoundTrip() }); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
		c.Close(protocol.CloseRestart, "")
		if _, _, ok := c.RoundTrip(); ok {
			t.Errorf("%s: a closed connection measures", name)
		}
	}
}

// readUntil returns the payloads of the frames up to one that is last.
func readUntil(cl *client, last string) (got []string) {
	for len(got) == 0 || got[len(got)-1] != last {
		cl.setDeadline()
		f, err := cl.tryFrame()
		if err != nil {
			return append(got, err.Error())
		}
		got = append(got, string(f.Payload))
	}
	return got
}

func flushed(t *testing.T, c tested) {
	t.Helper()
	testtime.Until(t, "nothing is unsent", func() bool {
		idle, err := c.Flush(1)
		if err != nil {
			t.Fatal(err)
		}
		return idle
	})
}

// A close frame may only follow a whole frame. The raw path omits it; the portable one
// finishes the frame if the client reads it within a second.
func TestConn_closeWhileBlockedKeepsFramesWhole(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		// Far more than both kernels buffer, so that a part remains unsent.
		payload := bytes.Repeat([]byte{1}, MaxWrite-FrameRoom)
		for range 8 {
			if taken, err := c.Write(1, serverFrame(payload)); err != nil {
				t.Fatal(err)
			} else if !taken {
				break
			}
		}
		if !c.Blocked() {
			t.Fatal("not blocked")
		}
		c.Close(protocol.CloseSlow, "too slow")
		cl.setDeadline()
		for {
			f, err := cl.tryFrame()
			if err != nil {
				break
			}
			code, _ := ws.ParseCloseFrameData(f.Payload)
			whole := f.Header.OpCode == ws.OpBinary && bytes.Equal(f.Payload, payload)
			if !whole && (f.Header.OpCode != ws.OpClose || protocol.CloseCode(code) != protocol.CloseSlow) {
				t.Fatalf("got %v of %d bytes", f.Header.OpCode, len(f.Payload))
			}
		}
	})
}

func TestConn_pingUpdatesLastReceived(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		var got inbox
		if err := read(c, 5, &got); err != nil || c.LastReceived() != 5 {
			t.Fatalf("the first poll counts as hearing: %d, %v", c.LastReceived(), err)
		}
		if err := read(c, 6, &got); err != nil || c.LastReceived() != 5 {
			t.Fatalf("a silent client was heard: %d, %v", c.LastReceived(), err)
		}
		if taken, err := c.Write(7, AppendPing(nil)); !taken || err != nil {
			t.Fatal(taken, err)
		}
		if h, payload := cl.frame(); h.OpCode != ws.OpPing || len(payload) != 0 {
			t.Fatalf("got %v %q, want a ping", h.OpCode, payload)
		}
		cl.send(clientFrame(ws.OpPong, nil))
		if err := pollUntil(t, c, &got, func() bool { return c.LastReceived() > 7 }); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConn_answersOnePingPerRead(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		flood := append(repeat(clientFrame(ws.OpPing, []byte("old")), 5000), clientFrame(ws.OpPing, []byte("newest"))...)
		go func() { _, _ = cl.conn.Write(append(flood, binaryFrame("input")...)) }()
		polls := 0
		got := inbox{}
		err := pollUntil(t, c, &got, func() bool { polls++; return len(got.messages) > 0 })
		if err != nil {
			t.Fatal(err)
		}
		flushed(t, c)
		pongs, newest := 0, ""
		for newest != "newest" {
			h, payload := cl.frame()
			if h.OpCode != ws.OpPong {
				t.Fatalf("got %v", h.OpCode)
			}
			pongs++
			newest = string(payload)
		}
		if pongs > polls {
			t.Errorf("%d pongs in %d polls", pongs, polls)
		}
	})
}

func TestConn_readIsBounded(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		const count = 300
		frame := binaryFrame(strings.Repeat("x", 4000))
		go func() { _, _ = cl.conn.Write(repeat(frame, count)) }()
		var got inbox
		before := uint64(0)
		err := pollUntil(t, c, &got, func() bool {
			if n := c.BytesIn() - before; n > MaxReadBytes {
				t.Errorf("one poll took %d bytes", n)
			}
			before = c.BytesIn()
			return len(got.messages) == count
		})
		if err != nil {
			t.Fatal(err)
		}
		if before != uint64(count*len(frame)) {
			t.Errorf("BytesIn %d, want %d", before, count*len(frame))
		}
	})
}

func TestConn_receiverErrorCloses(t *testing.T) {
	cases := []struct {
		name string
		fail error
		code protocol.CloseCode
	}{
		{"with a number", &CloseError{Code: protocol.CloseKicked, Reason: "no"}, protocol.CloseKicked},
		{"with another error", errors.New("broken"), closeInternal},
	}
	onAllPaths(t, func(t *testing.T, r *harness) {
		for _, tc := range cases {
			cl := r.dial(append(binaryFrame("a"), binaryFrame("b")...)...)
			c := r.tested()
			got := inbox{fail: tc.fail}
			if err := ending(t, c, &got); !errors.Is(err, tc.fail) {
				t.Errorf("%s: ended with %v", tc.name, err)
			}
			wantMessages(t, got.messages, "a")
			if code, _ := cl.closed(); code != tc.code {
				t.Errorf("%s: closed with %d, want %d", tc.name, code, tc.code)
			}
		}
	})
}

// closer closes the connection from within a message, as a kick does.
type closer struct {
	c    tested
	seen int
}

func (h *closer) Message([]byte) error {
	h.seen++
	h.c.Close(protocol.CloseKicked, "kicked")
	return nil
}

func TestConn_receiverCloses(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial(append(binaryFrame("a"), binaryFrame("b")...)...)
		h := &closer{c: r.tested()}
		if err := ending(t, h.c, h); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
		if code, _ := cl.closed(); code != protocol.CloseKicked || h.seen != 1 {
			t.Errorf("closed with %d after %d messages", code, h.seen)
		}
	})
}

func TestConn_closeFrameArrivesDespiteUnreadInput(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		for range 20 {
			cl.send(binaryFrame("input that nobody reads"))
		}
		c.Close(protocol.CloseMatchOver, "over")
		cl.send(binaryFrame("and one more"))
		if code, reason := cl.closed(); code != protocol.CloseMatchOver || reason != "over" {
			t.Errorf("closed with %d %q", code, reason)
		}
	})
}

func TestConn_methodsFailAfterClose(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		c.Close(protocol.CloseRestart, "")
		c.Close(protocol.CloseKicked, "a second close is none")
		if code, _ := cl.closed(); code != protocol.CloseRestart {
			t.Errorf("closed with %d", code)
		}
		if err := read(c, 1, &inbox{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Poll: %v", err)
		}
		if taken, err := c.Write(1, serverFrame(nil)); taken || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write: %v, %v", taken, err)
		}
		if idle, err := c.Flush(1); idle || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Flush: %v, %v", idle, err)
		}
		if c.Blocked() || c.BlockedSince() != 0 {
			t.Error("a closed connection is blocked")
		}
	})
}

func TestConn_peerVanishes(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial(binaryFrame("last words")...)
		c := r.tested()
		if err := cl.conn.Close(); err != nil {
			t.Fatal(err)
		}
		var got inbox
		if err := ending(t, c, &got); !errors.Is(err, io.EOF) {
			t.Errorf("ended with %v, want EOF", err)
		}
		wantMessages(t, got.messages, "last words")

		cl = r.dial()
		c = r.tested()
		cl.reset()
		if err := ending(t, c, &got); err == nil {
			t.Error("a reset went unnoticed")
		}
	})
}

func TestConn_failedWriteKeepsReceivedMessages(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.tested()
		cl.send(binaryFrame("bye"))
		cl.reset()
		testtime.Until(t, "a write is rejected", func() bool {
			taken, err := c.Write(time.Now().UnixNano(), serverFrame([]byte("a snapshot")))
			if err != nil {
				t.Fatalf("Write: %v", err)
			}
			return !taken
		})
		var got inbox
		if err := ending(t, c, &got); err == nil {
			t.Error("the end went unnoticed")
		}
		wantMessages(t, got.messages, "bye")
	})
}

func TestConn_endsAfterFailedWrite(t *testing.T) {
	c := &Conn{stream: brokenStream{}, fd: noDescriptor, maxMessage: 10}
	now := int64(1)
	if taken, err := c.Write(now, serverFrame(nil)); taken || err != nil || !c.Blocked() || c.BlockedSince() != now {
		t.Fatalf("a failed write: %v, %v, blocked %v since %d", taken, err, c.Blocked(), c.BlockedSince())
	}
	if err := read(c, now+readAfterFailedWrite-1, &inbox{}); err != nil {
		t.Fatalf("read on: %v", err)
	}
	if err := read(c, now+readAfterFailedWrite, &inbox{}); !errors.Is(err, errBroken) {
		t.Fatalf("ended with %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken")

// brokenStream reads nothing and can't be written to.
type brokenStream struct{}

func (brokenStream) Read([]byte) (int, error) { return 0, nil }
func (brokenStream) Send([]byte) error        { return errBroken }
func (brokenStream) Flush() (bool, error)     { return false, errBroken }
func (brokenStream) Pending() bool            { return false }
func (brokenStream) Shutdown([]byte)          {}

func TestConn_writeIsBounded(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		r.dial()
		c := r.tested()
		if taken, err := c.Write(1, make([]byte, MaxWrite+1)); taken || !errors.Is(err, errTooLong) {
			t.Errorf("got %v, %v", taken, err)
		}
	})
}

func TestKeepBytes_poolsBySize(t *testing.T) {
	var kept []byte
	for _, n := range []int{3, 128, 129, 100, largeBuffer, largeBuffer + 1, 7, 0} {
		want := bytes.Repeat([]byte{byte(n)}, n)
		kept = keepBytes(kept, want)
		if !bytes.Equal(kept, want) {
			t.Fatalf("%d bytes came back changed", n)
		}
	}
	if kept != nil {
		t.Error("a buffer is held for nothing")
	}
}

func TestUpgrader_largerMessageLimit(t *testing.T) {
	for _, portable := range []bool{false, true} {
		r := newHarness(t, &Upgrader{ForcePortable: portable, MaxMessage: 100_000})
		cl := r.dial()
		c := r.tested()
		want := strings.Repeat("long ", 20_000)
		whole := binaryFrame(want)
		cl.send(whole[:50_000])
		var got inbox
		if err := pollUntil(t, c, &got, func() bool { return c.BytesIn() == 50_000 }); err != nil {
			t.Fatal(err)
		}
		cl.send(whole[50_000:])
		if err := pollUntil(t, c, &got, func() bool { return len(got.messages) == 1 }); err != nil {
			t.Fatal(err)
		}
		wantMessages(t, got.messages, want)
	}
}

// TestConn_closesWithoutLingeringBeyondLimit: if too many closed connections are still
// read, another is closed without delay, after its close frame.
func TestConn_closesWithoutLingeringBeyondLimit(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		r.upgrader.work.lingering.Store(maxLingering)
		cl := r.dial()
		r.tested().Close(protocol.CloseDraining, "")
		if code, _ := cl.closed(); code != protocol.CloseDraining {
			t.Errorf("closed with %d", code)
		}
		r.upgrader.Wait()
		if n := r.upgrader.work.lingering.Load(); n != maxLingering {
			t.Errorf("%d counted as closing, want the %d others", n, maxLingering)
		}
	})
}

func TestCloseError_namesSideAndCode(t *testing.T) {
	cases := map[string]error{
		"closed by the client: 1001":            &CloseError{Code: 1001, Peer: true},
		"closed by the server: 4509 text frame": &CloseError{Code: protocol.CloseProtocol, Reason: "text frame"},
	}
	for want, err := range cases {
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

// Abort cuts a client off while the owner of its connection can't close it, and leaves
// the descriptor to the owner.
func TestConn_abortClosesTheClientAlone(t *testing.T) {
	onAllPaths(t, func(t *testing.T, r *harness) {
		cl := r.dial()
		c := r.conn()
		if c.Released() {
			t.Error("released, though it is open")
		}
		cut := make(chan struct{})
		go func() { // not the owner
			defer close(cut)
			c.Abort(protocol.CloseGameError, "hangs")
		}()
		if _, portable := c.stream.(*portableStream); portable || c.records == nil {
			if code, reason := cl.closed(); code != protocol.CloseGameError || reason != "hangs" {
				t.Errorf("closed with %d %q", code, reason)
			}
		} else if rest, _ := io.ReadAll(cl.r); len(rest) > 0 {
			t.Errorf("%d bytes behind the end", len(rest))
		}
		<-cut
		// The owner goes on: it writes without harm, and closes.
		_, _ = c.Write(1, serverFrame([]byte("late")))
		c.Close(protocol.CloseRestart, "")
		if !c.Released() {
			t.Error("not released by the owner's close")
		}
		c.Abort(protocol.CloseGameError, "") // finds nothing to cut off
	})
}
