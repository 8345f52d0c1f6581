package ws

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

func TestFrame_isReadByGobwas(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20} {
		payload := bytes.Repeat([]byte{7}, n)
		frame := serverFrame(payload)
		h, err := ws.ReadHeader(bytes.NewReader(frame))
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.CheckHeader(h, ws.StateClientSide); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		if h.OpCode != ws.OpBinary || h.Length != int64(n) || len(frame) != ws.HeaderSize(h)+n {
			t.Errorf("%d bytes: got %+v in a frame of %d", n, h, len(frame))
		}
		if !bytes.Equal(frame[ws.HeaderSize(h):], payload) {
			t.Errorf("%d bytes: the payload differs", n)
		}
	}
}

func TestFrame_isBuiltInPlace(t *testing.T) {
	buf := append(make([]byte, FrameRoom), "state"...)
	if frame := Frame(buf); &frame[len(frame)-1] != &buf[len(buf)-1] {
		t.Error("the frame is not a part of the buffer")
	}
}

func TestAppendCloseFrame_cutsReasonBetweenCharacters(t *testing.T) {
	frame := appendCloseFrame(nil, protocol.CloseKicked, strings.Repeat("ß", 100))
	code, reason := ws.ParseCloseFrameData(frame[2:])
	if err := ws.CheckCloseFrameData(code, reason); err != nil {
		t.Error(err)
	}
	if want := strings.Repeat("ß", 61); reason != want {
		t.Errorf("reason of %d bytes, want %d", len(reason), len(want))
	}
}

func TestFrameParser_announcedLengthAllocatesNothing(t *testing.T) {
	huge := []byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}
	parser := frameParser{maxMessage: protocol.MaxClientMessage}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _, fault := parser.next(huge)
			if fault == nil || fault.Code != protocol.CloseTooBig {
				b.Fatalf("got %v", fault)
			}
		}
	})
	if result.AllocedBytesPerOp() > 256 {
		t.Errorf("refusing a huge frame allocates %d bytes", result.AllocedBytesPerOp())
	}
}

// FuzzFrameParser feeds any bytes, whole and in two parts: the parser must not
// fail, must not go past the end, and must agree with gobwas on what it takes.
func FuzzFrameParser(f *testing.F) {
	f.Add(binaryFrame("hello"), 3)
	f.Add(append(clientFrame(ws.OpPing, []byte("ping")), clientFrame(ws.OpClose, ws.NewCloseFrameBody(1000, "bye"))...), 7)
	f.Add([]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, 1)
	f.Add([]byte{0x82, 0xfe, 0, 1, 0, 0, 0, 0, 9}, 2)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		parser := frameParser{maxMessage: protocol.MaxClientMessage}
		cut = max(0, min(cut, len(b)))
		_, _, partSize, partFault := parser.next(bytes.Clone(b[:cut]))
		op, payload, size, fault := parser.next(bytes.Clone(b))
		if partFault != nil && (fault == nil || *partFault != *fault) {
			t.Fatalf("a part of the bytes is refused (%v), all of them not (%v)", partFault, fault)
		}
		if partSize > 0 && partSize != size {
			t.Fatalf("size %d from a part, %d from all", partSize, size)
		}
		if size == 0 {
			return
		}
		h, err := ws.ReadHeader(bytes.NewReader(b))
		if err != nil || ws.CheckHeader(h, ws.StateServerSide) != nil {
			t.Fatalf("took a frame that gobwas refuses: %+v %v", h, err)
		}
		want := bytes.Clone(b[ws.HeaderSize(h):size])
		ws.Cipher(want, h.Mask, 0)
		if h.OpCode != op || !bytes.Equal(payload, want) {
			t.Fatalf("payload %x, want %x", payload, want)
		}
	})
}
