package session

import (
	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/ws"
	"tactus/server/internal/metrics"
)

// Reader is what seats are polled with, one after the other: memory, and a tally
// of what came and went.
type Reader struct {
	Tally

	scratch *ws.Scratch
	intake  ws.Intake
	seat    *Session // whose messages come
}

// NewReader makes a reader.
func NewReader() *Reader { return &Reader{scratch: ws.NewScratch()} }

// Message takes one message of the player; it is called by the connection's
// Poll. An error ends the connection.
func (r *Reader) Message(b []byte) error { return r.seat.message(b, &r.Tally) }

// Read reads the connections of all seats that were polled, at most
// [ws.IntakeRoom]; then each is to Take what came, and the reader to be cleared.
func (r *Reader) Read() { r.intake.Read() }

// Clear ends a round of seats.
func (r *Reader) Clear() { r.intake.Clear() }

// Tally counts events of all sessions in a tick. Metrics are atomic, and several
// per player and tick would be expensive; they get the sums. Not safe for concurrent
// use; owned by one goroutine of a match.
type Tally struct {
	Snapshots uint64 // sent
	refused   uint64 // snapshots that a socket did not accept
	actions   [actions]uint64

	bytesIn, bytesOut uint64
	inputs            [inputResults]uint64
}

// FlushTo adds the counts to the metrics and resets them.
func (t *Tally) FlushTo(m *metrics.Metrics) {
	move := func(n *uint64, to prometheus.Counter) {
		if *n != 0 {
			to.Add(float64(*n))
			*n = 0
		}
	}
	move(&t.Snapshots, m.Snapshots)
	skipped := t.refused + t.actions[SkipBlocked] + t.actions[SkipStalled]
	move(&skipped, m.Skipped)
	t.refused, t.actions = 0, [actions]uint64{}
	move(&t.bytesIn, m.BytesIn)
	move(&t.bytesOut, m.BytesOut)
	t.inputs[inputLate] += t.inputs[inputStale]
	t.inputs[inputStale] = 0
	move(&t.inputs[inputAccepted], m.InputsTaken)
	move(&t.inputs[inputLate], m.InputsLate)
	move(&t.inputs[inputEarly], m.InputsEarly)
	move(&t.inputs[inputInvalid], m.InputsBad)
}
