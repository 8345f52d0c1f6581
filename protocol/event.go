package protocol

import "tactus/game"

// eventHead is the number of elements of an event before its words.
const eventHead = 3

// Event is one game event of a snapshot.
type Event struct {
	Seq   uint32 // grows with each event sent to the player, over reconnects too
	Tick  uint32 // the tick it happened in
	Table int    // index into the schema's events
	Words Section
}

// AppendEvent appends one event; the array around the events is made by
// [BeginSection] and [EndSection], or by [AppendArray].
func AppendEvent(dst []byte, seq, tick uint32, table int, words []uint32) []byte {
	dst = AppendArray(dst, eventHead+len(words))
	dst = AppendUint(dst, seq)
	dst = AppendUint(dst, tick)
	dst = AppendUint(dst, uint32(table))
	for _, w := range words {
		dst = AppendInt(dst, int32(w))
	}
	return dst
}

// events takes the array of events and checks its shape.
func (r *reader) events() Section {
	n := r.arrayOrNil()
	start := r.b
	for range n {
		elements := r.array()
		if elements < eventHead {
			r.fail(ErrMalformed)
		}
		if r.err != nil {
			return Section{}
		}
		r.uint32()
		r.uint32()
		r.eventTable()
		r.skip(elements - eventHead)
	}
	return Section{Count: n, Data: start[:len(start)-len(r.b)]}
}

func (r *reader) eventTable() int { return int(r.int(0, game.MaxTables-1)) }

// EventReader starts to read the snapshot's events.
func (s *Snapshot) EventReader() EventReader {
	return EventReader{r: reader{b: s.Events.Data}, left: s.Events.Count}
}

// EventReader reads a snapshot's events one after the other.
type EventReader struct {
	r    reader
	left int
}

// Next reads the next event; it reports false after the last one, and at an
// error. The event's words are good as long as the message is.
func (e *EventReader) Next(ev *Event) bool {
	if e.left == 0 || e.r.err != nil {
		return false
	}
	e.left--
	n := e.r.array() - eventHead
	*ev = Event{Seq: e.r.uint32(), Tick: e.r.uint32(), Table: e.r.eventTable()}
	start := e.r.b
	e.r.skip(n)
	if e.r.err != nil || n < 0 {
		e.r.fail(ErrMalformed)
		return false
	}
	ev.Words = Section{Count: n, Data: start[:len(start)-len(e.r.b)]}
	return true
}

// Err is why reading failed, nil when it did not.
func (e *EventReader) Err() error { return e.r.err }
