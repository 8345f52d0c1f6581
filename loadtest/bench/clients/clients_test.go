//go:build linux

package clients

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

var errRefused = errors.New("refused")

// mirror answers each input with a state that shows it.
type mirror struct {
	addr   string
	pongs  *atomic.Int64
	refuse int // so many clients
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
	return mirror{addr: strings.TrimPrefix(s.URL, "http://"), pongs: pongs}
}

// Enter, Input and Message are the dialect of the mirror.
func (d mirror) Enter(ctx context.Context, c *Client) (net.Conn, []byte, error) {
	if c.Index < d.refuse {
		return nil, nil, errRefused
	}
	c.Slot = c.Index
	return Dial(ctx, "ws://"+d.addr)
}

// Input appends the number and 200 bytes, for a frame with a long head.
func (d mirror) Input(dst []byte, _ *Client, seq uint8) ([]byte, bool) {
	return append(append(dst, seq), make([]byte, 200)...), true
}

// Message reads the input that the mirror has returned.
func (d mirror) Message(_ *Client, _ bool, b []byte) (State, []byte) {
	return State{Is: true, Echoes: true, Ack: b[0]}, nil
}

func TestRun_measuresWhatClientsGet(t *testing.T) {
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

func TestRun_goesOnWithoutClientsThatCannotGetIn(t *testing.T) {
	d := startMirror(t)
	cfg := Config{
		Clients: 4, Rate: 50, PerSecond: 1000, Window: 100 * time.Millisecond,
		CPU: func() (time.Duration, error) { return 0, nil },
	}
	d.refuse = 3
	cfg.Dialect = d
	report, err := Run(t.Context(), cfg)
	if err != nil || report.Errors["not let in"] != 3 {
		t.Errorf("got %+v, %v; want 3 that were not let in", report, err)
	}
	d.refuse = 4
	cfg.Dialect = d
	if _, err := Run(t.Context(), cfg); !errors.Is(err, errRefused) {
		t.Errorf("no client got in: %v", err)
	}
}
