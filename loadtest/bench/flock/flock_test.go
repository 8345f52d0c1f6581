//go:build linux

package flock

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// mirror answers each input with a state that shows it.
type mirror struct {
	addr  string
	pongs *atomic.Int64
}

func startMirror(t *testing.T) mirror {
	t.Helper()
	pongs := &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		_ = ws.WriteFrame(conn, ws.NewPingFrame([]byte("there?")))
		for {
			f, err := ws.ReadFrame(rw)
			if err != nil {
				return
			}
			f = ws.UnmaskFrameInPlace(f)
			if f.Header.OpCode == ws.OpPong && string(f.Payload) == "there?" {
				pongs.Add(1)
			}
			if f.Header.OpCode == ws.OpBinary {
				_ = ws.WriteFrame(conn, ws.NewBinaryFrame(f.Payload))
			}
		}
	}))
	t.Cleanup(s.Close)
	return mirror{strings.TrimPrefix(s.URL, "http://"), pongs}
}

// Enter, Input and Message are the dialect of the mirror.
func (d mirror) Enter(ctx context.Context, m *Member) (net.Conn, []byte, error) {
	m.Seat = m.Index
	return Dial(ctx, "ws://"+d.addr)
}

// Input is the number and 200 bytes more, for a frame with a long head.
func (d mirror) Input(dst []byte, _ *Member, seq uint8) ([]byte, bool) {
	return append(append(dst, seq), make([]byte, 200)...), true
}

// Message is the input, come back.
func (d mirror) Message(_ *Member, _ bool, b []byte) (State, []byte) {
	return State{Is: true, Echoes: true, Ack: b[0]}, nil
}

func TestFlockMeasuresWhatItsMembersGet(t *testing.T) {
	d := startMirror(t)
	settled := false
	report, err := Run(t.Context(), Config{
		Dialect: d, Clients: 5, Rate: 50, PerSecond: 1000, WarmUp: 50 * time.Millisecond, Window: 400 * time.Millisecond,
		CPU:     func() (time.Duration, error) { return time.Second, nil },
		Settled: func(context.Context) error { settled = true; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Snapshots == 0 || report.BytesPerClientS == 0 || report.GapMS.P50 == 0 || report.EchoMS.P50 == 0 {
		t.Errorf("nothing was measured: %+v", report)
	}
	if len(report.Errors) != 0 || *report.CPUPerClientTickUS != 0 {
		t.Errorf("errors %v, CPU %v of a server that used none", report.Errors, *report.CPUPerClientTickUS)
	}
	if !settled || d.pongs.Load() != 5 {
		t.Errorf("settled: %v; %d of 5 heartbeats were answered", settled, d.pongs.Load())
	}
}

func TestFlockReportsWhoCannotGetIn(t *testing.T) {
	_, err := Run(t.Context(), Config{
		Dialect: mirror{addr: "127.0.0.1:1", pongs: &atomic.Int64{}}, Clients: 2, Rate: 50, PerSecond: 1000,
		CPU: func() (time.Duration, error) { return 0, nil },
	})
	if err == nil || !strings.Contains(err.Error(), "client ") {
		t.Errorf("got %v", err)
	}
}
