package rawtls

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
)

// TestRecords_openAnyParts: the data is the same however the records arrive, in place or
// not.
func TestRecords_openAnyParts(t *testing.T) {
	e := handshake(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var stream, want []byte
		for range 1 + r.IntN(4) {
			data := make([]byte, []int{1, 40, 300, 3000, 20_000}[r.IntN(5)])
			data[0] = byte(r.Uint32())
			want = append(want, data...)
			stream = append(stream, sealed(t, e.client, data)...)
		}
		var got []byte
		for len(stream) > 0 {
			n := min(1+r.IntN([]int{3, 30, 10_000}[r.IntN(3)]), len(stream))
			data, err := receive(e.server, stream[:n])
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, data...)
			stream = stream[n:]
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, want %d", len(got), len(want))
		}
		if !e.server.Resting() || e.server.held != nil || e.server.MidRecord() {
			t.Fatal("something is kept behind whole records")
		}
	}
}

// TestRecords_nothingIsNoError: reads that find nothing, and parts of a record, do not
// end the connection.
func TestRecords_nothingIsNoError(t *testing.T) {
	for _, missing := range []int{1, 50, 100, 118, 120, 121} {
		e := handshake(t)
		record := sealed(t, e.client, []byte(strings.Repeat("x", 100)))
		cut := len(record) - missing
		wantData(t, e.server, record[:cut], "")
		for range 3 {
			if n, err := e.server.Read(make([]byte, 100)); n != 0 || err != nil {
				t.Fatalf("%d bytes are missing: read %d, %v", missing, n, err)
			}
		}
		if e.server.Buffered() || !e.server.MidRecord() {
			t.Errorf("%d bytes are missing: buffered %v", missing, e.server.Buffered())
		}
		wantData(t, e.server, record[cut:], strings.Repeat("x", 100))
	}
}

// TestDetach_keepsWhatWasRead: a record, and a part of one, that crypto/tls had read
// ahead are not lost.
func TestDetach_keepsWhatWasRead(t *testing.T) {
	for _, part := range []int{0, 1, 4, 5, 6, 100} {
		certified := handshake(t) // for a client whose records are made in memory
		records := sealed(t, certified.client, []byte("one"))
		records = append(records, sealed(t, certified.client, []byte("two"))...)
		last := sealed(t, certified.client, []byte(strings.Repeat("z", 200)))
		records = append(records, last[:part]...)
		// Attached again, the server reads all with the first record.
		server := certified.server
		server.wire.lower = &replay{b: records}
		b := make([]byte, 100)
		if n, err := server.tls.Read(b); err != nil || string(b[:n]) != "one" {
			t.Fatalf("got %q, %v", b[:n], err)
		}
		server, err := Detach(server.tls)
		if err != nil {
			t.Fatal(err)
		}
		if !server.Buffered() || server.Resting() {
			t.Error("the kept record is not known")
		}
		if n, err := server.Read(b); err != nil || string(b[:n]) != "two" {
			t.Fatalf("part %d: got %q, %v", part, b[:n], err)
		}
		if n, err := server.Read(b); n != 0 || err != nil || server.Buffered() || server.MidRecord() != (part > 0) {
			t.Fatalf("part %d: %d, %v, buffered %v", part, n, err, server.Buffered())
		}
		wantData(t, server, last[part:], strings.Repeat("z", 200))
	}
}

// replay is a connection that has received something.
type replay struct {
	net.Conn
	b []byte
}

func (r *replay) Read(b []byte) (int, error) {
	n := copy(b, r.b)
	r.b = r.b[n:]
	return n, nil
}

func TestDetach_refusesOthers(t *testing.T) {
	low, high := net.Pipe()
	defer low.Close()
	defer high.Close()
	for name, c := range map[string]*tls.Conn{
		"no handshake yet":  tls.Server(Transport(low), &tls.Config{}),
		"another transport": tls.Server(low, &tls.Config{}),
	} {
		if _, err := Detach(c); err == nil {
			t.Errorf("%s: detached", name)
		}
	}
	e := handshake(t)
	if _, err := Detach(e.server.tls); err == nil {
		t.Error("detached twice")
	}
}

// TestRecords_readIntoLittle: data of a record that is longer than the memory comes in
// parts, and is known to be there.
func TestRecords_readIntoLittle(t *testing.T) {
	e := handshake(t)
	want := strings.Repeat("0123456789", 1500)
	e.server.Feed(sealed(t, e.client, []byte(want)))
	e.server.Feed(sealed(t, e.client, []byte("next")))
	var got []byte
	for e.server.Buffered() {
		if e.server.Resting() {
			t.Fatal("resting with data inside")
		}
		b := make([]byte, 4000)
		n, err := e.server.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
	if string(got) != want+"next" {
		t.Errorf("got %d bytes, want %d", len(got), len(want)+4)
	}
}

// TestRecords_sealsOneRecordPerFrame: dynamic sizes would cut the first ones.
func TestRecords_sealsOneRecordPerFrame(t *testing.T) {
	e := handshake(t)
	for _, n := range []int{1, 100, 1200, 16 << 10} {
		if records := sealed(t, e.server, make([]byte, n)); len(records) != n+Overhead {
			t.Errorf("%d bytes of data became %d, want %d more", n, len(records), Overhead)
		}
	}
	if records := sealed(t, e.server, make([]byte, 40<<10)); len(records) != 40<<10+3*Overhead {
		t.Errorf("40 KB became %d bytes", len(records))
	}
}

// TestRecords_answersKeyUpdates: the answer is written from within a read; later records
// use the new keys.
func TestRecords_answersKeyUpdates(t *testing.T) {
	e := handshake(t)
	s := newSender(t, e)
	records := s.Data(nil, []byte("before"), 0)
	records = s.KeyUpdate(records)
	wantData(t, e.server, records, "before")
	answer := e.server.Answer()
	if len(answer) != 5+Overhead || e.server.Answer() != nil {
		t.Fatalf("an answer of %d bytes", len(answer))
	}
	wantData(t, e.client, append(answer, sealed(t, e.server, []byte("with new keys"))...), "with new keys")
}

// TestRecords_sealSendsAnswersFirst: the numbers of records give their order.
func TestRecords_sealSendsAnswersFirst(t *testing.T) {
	e := handshake(t)
	s := newSender(t, e)
	wantData(t, e.server, s.KeyUpdate(nil), "")
	wantData(t, e.client, sealed(t, e.server, []byte("behind")), "behind")
	if e.server.Answer() != nil {
		t.Error("the answer is sent twice")
	}
}

// TestRecords_paddingAndEmptyRecords: then the size of the data is not known beforehand.
func TestRecords_paddingAndEmptyRecords(t *testing.T) {
	e := handshake(t)
	s := newSender(t, e)
	records := s.Data(nil, []byte("padded"), 100)
	records = s.Data(records, nil, 0)
	records = s.Data(records, []byte(" and "), 0)
	records = s.Data(records, []byte("not"), 3)
	wantData(t, e.server, records, "padded and not")
	if !e.server.Resting() {
		t.Error("something is kept")
	}
}

// TestRecords_endsByAlert: a closing alert is EOF; data before it still comes.
func TestRecords_endsByAlert(t *testing.T) {
	e := handshake(t)
	last := sealed(t, e.client, []byte("last words"))
	b := e.client.CloseNotify(last)
	n, err := e.server.Open(b)
	if string(b[:n]) != "last words" || err != io.EOF { //nolint:errorlint // callers compare the value
		t.Errorf("got %q, %v", b[:n], err)
	}
	if _, err := e.client.Seal(nil, []byte("x")); err == nil {
		t.Error("sealed behind the closing alert")
	}
}

// TestRecords_invalidRecordsEnd: each is answered by an alert, and nothing is kept of it.
func TestRecords_invalidRecordsEnd(t *testing.T) {
	for name, spoil := range map[string]func(record []byte) []byte{
		"changed":      func(b []byte) []byte { b[20] ^= 1; return b },
		"other kind":   func(b []byte) []byte { b[0] = 22; return b },
		"too long":     func([]byte) []byte { return []byte{23, 3, 3, 0xff, 0xff} },
		"plain text":   func([]byte) []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n") },
		"another time": func(b []byte) []byte { return append(b, b...) },
	} {
		e := handshake(t)
		_, err := receive(e.server, spoil(sealed(t, e.client, []byte("data of a client"))))
		if err == nil || len(e.server.Answer()) == 0 || e.server.Buffered() {
			t.Errorf("%s: %v", name, err)
		}
		if _, again := e.server.Read(make([]byte, 1)); again == nil && !e.server.Resting() {
			t.Errorf("%s: goes on", name)
		}
	}
}

// TestRecords_allocations: sealing allocates nothing, opening one object of 24 bytes (an
// atLeastReader of crypto/tls), also for several records and for one in two parts.
func TestRecords_allocations(t *testing.T) {
	if testing.Short() {
		t.Skip("costs mean nothing under the race detector")
	}
	e := handshake(t)
	frame, room := make([]byte, 200), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(500, func() {
		var err error
		if room, err = e.server.Seal(room[:0], frame); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("sealing: %v allocations", n)
	}
	input, wire := make([]byte, 40), make([]byte, 0, 4096)
	for name, records := range map[string]int{"one record": 1, "three records": 3} {
		if n := testing.AllocsPerRun(500, func() {
			wire = wire[:0]
			for range records {
				wire, _ = e.client.Seal(wire, input)
			}
			if n, err := e.server.Open(wire); n != records*len(input) || err != nil {
				t.Fatal(n, err)
			}
		}); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if n := testing.AllocsPerRun(500, func() {
		wire, _ = e.client.Seal(wire[:0], input)
		if n, err := e.server.Open(wire[:30]); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		e.server.Feed(wire[30:])
		if n, err := e.server.Read(room[:cap(room)]); n != len(input) || err != nil {
			t.Fatal(n, err)
		}
	}); n > 1 {
		t.Errorf("a record in two parts: %v allocations", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	for _, n := range []int{100, 600, 2000, 20_000} {
		b.Run(sizeName(n), func(b *testing.B) {
			e := handshake(b)
			frame, room := make([]byte, n), make([]byte, 0, 2*n+4096)
			b.ReportAllocs()
			for b.Loop() {
				room, _ = e.server.Seal(room[:0], frame)
			}
		})
	}
}

func sizeName(n int) string { return strconv.Itoa(n) }

func BenchmarkSealAndOpen(b *testing.B) {
	e := handshake(b)
	input, wire := make([]byte, 40), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		wire, _ = e.client.Seal(wire[:0], input)
		if _, err := e.server.Open(wire); err != nil {
			b.Fatal(err)
		}
	}
}
