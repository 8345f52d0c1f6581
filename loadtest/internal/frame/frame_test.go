package frame

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

func TestEnd_writesFramesThatALibraryReads(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 4, 5, 125, 126, 127, 4096, 65535} {
		payload := bytes.Repeat([]byte{0xa5, 1, 2}, size/3+1)[:size]
		b := append([]byte("before"), 0)
		start := len(b)
		b = append(Begin(b), payload...)
		from := End(b, start, ws.OpBinary, 0x12345678)
		f, err := ws.ReadFrame(bytes.NewReader(b[from:]))
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if f = ws.UnmaskFrame(f); f.Header.OpCode != ws.OpBinary || !bytes.Equal(f.Payload, payload) {
			t.Errorf("size %d: the frame reads as %v with %d bytes", size, f.Header, len(f.Payload))
		}
		if !bytes.HasPrefix(b, []byte("before")) {
			t.Errorf("size %d: what stood before the frame was changed", size)
		}
	}
}

func TestCut_refusesBadFrames(t *testing.T) {
	masked := ws.MaskFrame(ws.NewBinaryFrame([]byte("abc")))
	fragment := ws.NewFrame(ws.OpBinary, false, []byte("abc"))
	rest := ws.NewFrame(ws.OpContinuation, true, []byte("abc"))
	compressed := ws.NewBinaryFrame([]byte("abc"))
	compressed.Header.Rsv = ws.Rsv(true, false, false)
	for name, b := range map[string][]byte{
		"masked":       ws.MustCompileFrame(masked),
		"fragment":     ws.MustCompileFrame(fragment),
		"continuation": ws.MustCompileFrame(rest),
		"compressed":   ws.MustCompileFrame(compressed),
		"too long":     {0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 1},
		"negative":     {0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"long control": {0x89, 126, 0, 126},
	} {
		if _, _, _, err := Cut(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v, want %v", name, err, ErrInvalid)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add(ws.MustCompileFrame(ws.NewBinaryFrame(bytes.Repeat([]byte("x"), 300))))
	f.Add(ws.MustCompileFrame(ws.NewPingFrame([]byte("x"))))
	f.Add([]byte{0x82, 126, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, rest, complete, err := Cut(b)
		if err != nil || !complete {
			if len(rest) != len(b) {
				t.Fatal("bytes of an incomplete frame were taken")
			}
			return
		}
		want, err := ws.ReadFrame(bytes.NewReader(b))
		if err != nil || want.Header.OpCode != got.Op || !bytes.Equal(want.Payload, got.Payload) {
			t.Fatalf("a library reads %v (%v), we read %v", want, err, got)
		}
		if len(got.Payload) > protocol.MaxServerMessage {
			t.Fatal("the frame is over the limit")
		}
	})
}
