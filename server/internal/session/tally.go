package session

import (
	"github.com/prometheus/client_golang/prometheus"

	"tactus/server/internal/metrics"
)

// Tally is what a goroutine records of the sessions that it reads and writes: counts,
// and lost connections. Metrics are atomic, and several per player and tick would be
// expensive; they get the sums. Not safe for concurrent use; owned by one goroutine
// of a match.
type Tally struct {
	Lost []Lost // since the owner last removed them

	Snapshots uint64 // sent
	refused   uint64 // snapshots that a socket did not accept
	actions   [actions]uint64

	bytesIn, bytesOut uint64
	inputs            [inputResults]uint64
	clamped           uint64 // inputs whose lag was more than measured
}

// Lost is a session whose connection has ended, or must be ended, and why.
type Lost struct {
	Session *Session
	Why     error
}

// lose records why the connection of a session has ended or must be closed.
func (t *Tally) lose(s *Session, why error) { t.Lost = append(t.Lost, Lost{s, why}) }

// countInput counts an input. clamped means that its lag was more than measured.
func (t *Tally) countInput(result inputResult, clamped bool) {
	t.inputs[result]++
	if result == inputAccepted && clamped {
		t.clamped++
	}
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
	move(&t.clamped, m.LagClamped)
}
