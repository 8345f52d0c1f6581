// Package recording writes and reads recordings: the begins and ends of all searches of
// a queue. Rehearsals run on them.
//
// A recording is a text of JSON objects, one on each line: a [Header], then an event for
// each begin and end of a search. docs/rehearsal-reference.md describes the format. A [Recorder]
// writes the recordings of a live queue, a [Set] those of all queues of a process, and
// [Load] reads them.
package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"tactus/matchmaker/matchfunc"
)

// Format is the version of the format.
const Format = 1

// Bounds of input. Recordings of live queues stay far below.
const (
	maxLine    = 1 << 20 // bytes
	maxPlayers = 1000    // of one search
)

// Reasons for the end of a search that a rehearsal distinguishes. A recording may have
// others, which mean that the player did not end the search.
const (
	ReasonMatched   = "matched"
	ReasonCancelled = "cancelled" // by the player
	ReasonAbandoned = "abandoned" // no longer watched
	ReasonReplaced  = "replaced"  // by the player's next search
	ReasonExpired   = "expired"
)

// Header is the first line of a recording.
type Header struct {
	Format int `json:"format"`
	// Queue and RulesVersion identify the rules. They are empty in a generated
	// population.
	Queue        string `json:"queue"`
	RulesVersion string `json:"rules_version"`
}

// event is any other line.
type event struct {
	At         int64               `json:"at"`    // milliseconds since 1970 UTC
	Event      string              `json:"event"` // created or ended
	Ticket     string              `json:"ticket"`
	Players    []player            `json:"players,omitempty"`
	Version    string              `json:"version,omitempty"`
	Attributes map[string][]string `json:"attributes,omitempty"`
	LatencyMS  map[string]float64  `json:"latency_ms,omitempty"`
	Priority   int                 `json:"priority,omitempty"`
	Reason     string              `json:"reason,omitempty"`
}

type player struct {
	ID    string  `json:"id"`
	Skill float64 `json:"skill"`
}

const (
	eventCreated = "created"
	eventEnded   = "ended"
)

// Writer writes a recording. It buffers lines until [Writer.Flush]. It is not safe for
// concurrent use.
type Writer struct {
	out     *bufio.Writer
	written int64
}

// NewWriter returns a writer and writes the header.
func NewWriter(w io.Writer, h Header) *Writer {
	writer := &Writer{out: bufio.NewWriterSize(w, 1<<16)}
	h.Format = Format
	writer.line(h)
	return writer
}

// Created writes that a search began, at the group's time.
func (w *Writer) Created(g *matchfunc.Group) {
	e := event{
		At: g.Created.UnixMilli(), Event: eventCreated, Ticket: g.ID, Players: make([]player, len(g.Players)),
		Version: g.Version, Attributes: g.Attributes, Priority: g.Priority,
	}
	for i, p := range g.Players {
		e.Players[i] = player{ID: p.ID, Skill: p.Skill}
	}
	if len(g.Latency) > 0 {
		e.LatencyMS = make(map[string]float64, len(g.Latency))
		for region, latency := range g.Latency {
			e.LatencyMS[region] = float64(latency.Microseconds()) / 1000
		}
	}
	w.line(e)
}

// Ended writes that a search ended and why.
func (w *Writer) Ended(ticket string, at time.Time, reason string) {
	w.line(event{At: at.UnixMilli(), Event: eventEnded, Ticket: ticket, Reason: reason})
}

func (w *Writer) line(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		// Only a skill that is no number can't be written. The search is left out.
		return
	}
	// After a failed write all later ones fail, and so does the flush, which returns the
	// error.
	n, _ := w.out.Write(append(text, '\n'))
	w.written += int64(n)
}

// Written returns the number of bytes so far, with buffered ones.
func (w *Writer) Written() int64 { return w.written }

// Flush writes the buffered lines and returns the first error of all writes.
func (w *Writer) Flush() error { return w.out.Flush() }

// check returns what is wrong with an event that was read.
func (e *event) check() error {
	switch {
	case e.Event != eventCreated && e.Event != eventEnded:
		return fmt.Errorf("event %q: want created or ended", e.Event)
	case e.At <= 0:
		return errors.New("at: want milliseconds since 1970")
	case e.Ticket == "":
		return errors.New("ticket is missing")
	case e.Event == eventEnded && e.Reason == "":
		return errors.New("reason is missing")
	case e.Event == eventEnded:
		return nil
	case len(e.Players) == 0:
		return errors.New("players are missing")
	case len(e.Players) > maxPlayers:
		return fmt.Errorf("%d players, at most %d", len(e.Players), maxPlayers)
	}
	for region, ms := range e.LatencyMS {
		if ms < 0 || ms > math.MaxInt32 {
			return fmt.Errorf("latency_ms.%s is %v, want 0 or more", region, ms)
		}
	}
	return nil
}

func (e *event) group() *matchfunc.Group {
	g := &matchfunc.Group{
		ID: e.Ticket, Players: make([]matchfunc.Player, len(e.Players)), Created: time.UnixMilli(e.At).UTC(),
		Priority: e.Priority, Version: e.Version, Attributes: e.Attributes,
	}
	for i, p := range e.Players {
		g.Players[i] = matchfunc.Player{ID: p.ID, Skill: p.Skill}
	}
	if len(e.LatencyMS) > 0 {
		g.Latency = make(map[string]time.Duration, len(e.LatencyMS))
		for region, ms := range e.LatencyMS {
			g.Latency[region] = time.Duration(math.Round(ms*1000)) * time.Microsecond
		}
	}
	return g
}
