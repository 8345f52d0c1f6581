package protocol_test

import (
	"bytes"
	"errors"
	"testing"

	"tactus/protocol"
)

func TestSection_ofEveryLength(t *testing.T) {
	prefix := []byte{0x92, 0x05}
	for _, n := range []int{0, 1, 15, 16, 17, 65535, 65536, 66000} {
		out := bytes.Clone(prefix)
		out = protocol.BeginSection(out)
		for i := range n {
			out = protocol.AppendInt(out, int32(i))
		}
		out = protocol.EndSection(out, len(prefix), n)
		want := bytes.Clone(prefix)
		if n == 0 {
			want = protocol.AppendNil(want)
		} else {
			want = protocol.AppendArray(want, n)
			for i := range n {
				want = protocol.AppendInt(want, int32(i))
			}
		}
		if !bytes.Equal(out, want) {
			t.Errorf("%d ints: %d bytes, want %d", n, len(out), len(want))
		}
	}
}

func TestSectionReader_stopsAtFirstError(t *testing.T) {
	for name, c := range map[string]struct {
		section protocol.Section
		read    func(in *protocol.SectionReader)
		err     error
	}{
		"past the end":        {protocol.Section{}, func(in *protocol.SectionReader) { in.Int() }, protocol.ErrMalformed},
		"fewer than it says":  {protocol.Section{Count: 2, Data: []byte{1}}, func(in *protocol.SectionReader) { in.Int(); in.Int() }, protocol.ErrRange},
		"over 32 bits":        {protocol.Section{Count: 1, Data: []byte{0xcf, 0, 0, 0, 1, 0, 0, 0, 0}}, func(in *protocol.SectionReader) { in.Int() }, protocol.ErrRange},
		"an index too high":   {protocol.Section{Count: 1, Data: []byte{7}}, func(in *protocol.SectionReader) { in.Index(7) }, protocol.ErrRange},
		"an index below zero": {protocol.Section{Count: 1, Data: []byte{0xff}}, func(in *protocol.SectionReader) { in.Index(7) }, protocol.ErrRange},
		"more than is left":   {protocol.Section{Count: 2, Data: []byte{2, 1}}, func(in *protocol.SectionReader) { in.Count() }, protocol.ErrRange},
		"skipping too far":    {protocol.Section{Count: 2, Data: []byte{2, 1}}, func(in *protocol.SectionReader) { in.Skip(1 << 30) }, protocol.ErrMalformed},
	} {
		in := c.section.Reader()
		c.read(&in)
		if !errors.Is(in.Err(), c.err) || in.Left() != 0 || in.Int() != 0 {
			t.Errorf("%s: %v, %d left", name, in.Err(), in.Left())
		}
	}
}

func TestSection_masksAndWordsUseAll32Bits(t *testing.T) {
	in := protocol.Section{Count: 2, Data: []byte{0xce, 0x80, 0, 0, 1, 0xd2, 0x80, 0, 0, 1}}.Reader()
	if a, b := in.Int(), in.Int(); a != b || uint32(a) != 1<<31|1 || in.Err() != nil {
		t.Errorf("%d and %d, %v", a, b, in.Err())
	}
}
