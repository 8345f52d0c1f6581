package matchlog

import (
	"errors"
	"fmt"
	"io"

	"tactus/game"
)

// ErrTruncated says that a log stops before its end, as after a crash. All
// whole ticks have been read then.
var ErrTruncated = errors.New("the log stops before its end")

// DamagedError says that a log's bytes are not what was written.
type DamagedError struct {
	After  game.Tick // the last tick known to be good
	Offset int64     // in bytes, where it was noticed
	Why    string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the log is damaged after tick %d (byte %d): %s", e.After, e.Offset, e.Why)
}

// Reader reads a log tick by tick. The limits of the format bound its memory for any
// bytes. It is not safe for concurrent use.
type Reader struct {
	d      decoder
	header Header
	step   Step
	ticked bool // a tick or a checkpoint has been read, so the next tick is known
	last   game.Tick
	good   int64 // offset behind the last whole tick
	ended  error
}

// Read reads the header of a log. The error is [ErrTruncated], a
// [*DamagedError], or the source's.
func Read(r io.Reader) (*Reader, error) {
	reader := &Reader{d: newDecoder(r)}
	reader.header.decode(&reader.d)
	if reader.d.err != nil {
		return nil, reader.stop()
	}
	return reader, nil
}

// Header returns the header of the log.
func (r *Reader) Header() Header { return r.header }

// Good is the offset behind the last tick that was read whole, in bytes.
func (r *Reader) Good() int64 { return r.good }

// Next returns the next tick, or the log's end as a Step with End set; both
// are valid until the next call. Afterwards it returns io.EOF, [ErrTruncated],
// a [*DamagedError] or the source's error. All that is
// returned has passed its checksum.
func (r *Reader) Next() (*Step, error) {
	if r.ended != nil {
		return nil, r.ended
	}
	r.step.Records = r.step.Records[:0]
	if r.step.End != nil {
		r.ended = io.EOF
		if !r.d.atEnd() {
			r.d.fail("bytes behind the end")
			return nil, r.stop()
		}
		return nil, r.ended
	}
	for {
		done := r.record() // adds to the step
		if r.d.err != nil {
			return nil, r.stop()
		}
		if done {
			r.good = r.d.offset
			return &r.step, nil
		}
	}
}

// stop turns the decoder's error into the reader's.
func (r *Reader) stop() error {
	var damage errDamaged
	switch err := r.d.err; {
	case errors.As(err, &damage):
		r.ended = &DamagedError{After: r.last, Offset: r.d.offset, Why: string(damage)}
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.ended = ErrTruncated
	default:
		r.ended = err
	}
	return r.ended
}

// record reads one record; done is true for the one that ends the step.
func (r *Reader) record() (done bool) {
	d := &r.d
	n := d.arrayLen(3 + game.MaxInputWord)
	kind := Kind(d.uintUpTo(uint64(KindSeal)))
	if d.err != nil {
		return false
	}
	want := [...]int{KindCheckpoint: 3, KindTick: 4, KindJoin: 6, KindLeave: 3, KindCommand: 4, KindInput: 3 + r.header.InputWords, KindEnd: 5, KindSeal: 3}[kind]
	if n != want {
		d.fail(fmt.Sprintf("record of kind %d with %d elements, want %d", kind, n, want))
		return false
	}
	if kind == KindTick {
		r.tick()
		return true
	}
	if kind == KindEnd {
		r.end()
		return true
	}
	if len(r.step.Records) == maxRecordsPerTick {
		d.fail("too many records in one tick")
		return false
	}
	r.step.Records = append(r.step.Records, r.content(kind))
	return false
}

func (r *Reader) content(kind Kind) Record {
	d := &r.d
	rec := Record{Kind: kind}
	if kind == KindCheckpoint {
		rec.Tick = game.Tick(d.uintUpTo(1<<32 - 1))
		rec.State = d.state()
		if !r.ticked {
			r.last = rec.Tick
			r.ticked = true
		}
		if rec.Tick != r.last {
			d.fail(fmt.Sprintf("checkpoint of tick %d behind tick %d", rec.Tick, r.last))
		}
		return rec
	}
	rec.Slot = game.Slot(d.uintUpTo(game.MaxSlots - 1))
	switch kind {
	case KindJoin:
		rec.Info.Bot = d.bool()
		rec.Info.Team = d.int32()
		rec.Player, rec.Name = d.text(), d.text()
	case KindLeave:
		rec.Why = game.LeaveReason(d.uintUpTo(1<<32 - 1))
	case KindSeal:
		rec.Seal = append([]byte(nil), d.bytes(d.length(0, 0, 0xc4, 0xc5, maxSeal))...)
	case KindCommand:
		rec.Name = d.text()
		rec.Args = make([]int32, d.arrayLen(game.MaxCommandArgs))
		for i := range rec.Args {
			rec.Args[i] = d.int32()
		}
	default:
		rec.Lag = d.int32()
		rec.Words = make([]uint32, r.header.InputWords)
		for i := range rec.Words {
			rec.Words[i] = uint32(d.int32())
		}
	}
	return rec
}

func (r *Reader) tick() {
	d := &r.d
	t := game.Tick(d.uintUpTo(1<<32 - 1))
	hash := d.uint()
	if d.err == nil && (!r.ticked || t != r.last+1) {
		d.fail(fmt.Sprintf("tick %d behind tick %d", t, r.last))
	}
	if r.sealed() {
		r.last = t
		r.step.Tick, r.step.Hash = t, hash
	}
}

func (r *Reader) end() {
	d := &r.d
	end := End{Reason: d.text(), Ticks: game.Tick(d.uintUpTo(1<<32 - 1)), Hash: d.uint()}
	if d.err == nil && r.ticked && end.Ticks != r.last {
		d.fail(fmt.Sprintf("the end names tick %d behind tick %d", end.Ticks, r.last))
	}
	if r.sealed() {
		r.step.Tick, r.step.Hash, r.step.End = end.Ticks, end.Hash, &end
	}
}

// sealed reads a checksum and reports whether it is right.
func (r *Reader) sealed() bool {
	want := r.d.checksum()
	if got := uint32(r.d.uintUpTo(1<<32 - 1)); r.d.err == nil && got != want {
		r.d.fail("the checksum is wrong")
	}
	return r.d.err == nil
}
