package protocol

import (
	"math"

	"tactus/game"
)

// Welcome is the server's answer to a hello that it accepted.
type Welcome struct {
	Match  string
	Slot   game.Slot
	Player string
	Resume string // the seat's secret, for a later hello
	Tick   uint32 // last tick simulated
	// Rate is the number of ticks per second.
	Rate    int
	Game    string
	Version string
	Mode    WelcomeMode
	Schema  *game.Schema
	Grace   uint32 // ms that the seat of a lost connection is kept
	// Resumed means that the player came back to a seat.
	Resumed bool
	Every   int // ticks per snapshot

	Features Features // that hold on this connection
}

// WelcomeMode describes the match's mode to a client. Options are those in
// effect, including the match's own, so that rules on the client start equally.
type WelcomeMode struct {
	Name    string
	Title   string
	Teams   int
	Max     int // seats
	Options []game.Option
}

type welcomeMap struct {
	Match   string    `msgpack:"match"`
	Slot    uint32    `msgpack:"slot"`
	Player  string    `msgpack:"player"`
	Resume  string    `msgpack:"resume"`
	Tick    uint32    `msgpack:"tick"`
	Rate    int       `msgpack:"rate"`
	Game    string    `msgpack:"game"`
	Version string    `msgpack:"version"`
	Mode    modeMap   `msgpack:"mode"`
	Schema  schemaMap `msgpack:"schema"`
	Hash    uint32    `msgpack:"hash"`
	Grace   uint32    `msgpack:"grace"`
	Resumed bool      `msgpack:"resumed"`
	Every   int       `msgpack:"every"`

	Features []string `msgpack:"features,omitempty"`
}

type modeMap struct {
	Name    string        `msgpack:"name"`
	Title   string        `msgpack:"title"`
	Teams   int           `msgpack:"teams"`
	Max     int           `msgpack:"max"`
	Options []optionArray `msgpack:"options"`
}

type optionArray struct {
	_msgpack struct{} `msgpack:",as_array"` //nolint:unused // makes the library write an array
	Name     string
	Value    int32
}

// AppendWelcome appends a welcome message with the schema, which must not be
// nil, and its hash.
func AppendWelcome(dst []byte, w *Welcome) []byte {
	m := welcomeMap{
		Match: w.Match, Slot: uint32(w.Slot), Player: w.Player, Resume: w.Resume,
		Tick: w.Tick, Rate: w.Rate, Game: w.Game, Version: w.Version,
		Mode: modeMap{
			Name: w.Mode.Name, Title: w.Mode.Title, Teams: w.Mode.Teams, Max: w.Mode.Max,
			Options: make([]optionArray, 0, len(w.Mode.Options)),
		},
		Schema: describeSchema(w.Schema), Hash: w.Schema.Hash(),
		Grace: w.Grace, Resumed: w.Resumed, Every: w.Every,
		Features: w.Features.Names(),
	}
	for _, o := range w.Mode.Options {
		m.Mode.Options = append(m.Mode.Options, optionArray{Name: o.Name, Value: o.Value})
	}
	return appendMap(dst, TypeWelcome, &m)
}

// ParseWelcome reads a welcome message. [ErrSchema]: the schema is not valid, or
// its hash differs from the one in the message.
func ParseWelcome(b []byte) (Welcome, error) {
	r := open(b, TypeWelcome, 1)
	var w Welcome
	var hash uint32
	for range r.pairs() {
		r.welcomeField(&w, &hash)
	}
	if err := r.close(); err != nil {
		return Welcome{}, err
	}
	if w.Match == "" || w.Rate == 0 || w.Every == 0 || w.Schema == nil {
		return Welcome{}, ErrMissing
	}
	if w.Schema.Hash() != hash {
		return Welcome{}, ErrSchema
	}
	return w, nil
}

func (r *reader) welcomeField(w *Welcome, hash *uint32) {
	switch string(r.str(MaxIdent)) {
	case "match":
		w.Match = r.text(MaxIdent)
	case "slot":
		w.Slot = r.slot()
	case "player":
		w.Player = r.text(MaxIdent)
	case "resume":
		w.Resume = r.text(MaxResume)
	case "tick":
		w.Tick = r.uint32()
	case "rate":
		w.Rate = int(r.int(1, 128))
	case "game":
		w.Game = r.text(MaxIdent)
	case "version":
		w.Version = r.text(MaxIdent)
	case "mode":
		w.Mode = r.mode()
	case "schema":
		w.Schema = r.schema()
	case "hash":
		*hash = r.uint32()
	case "grace":
		w.Grace = r.uint32()
	case "resumed":
		w.Resumed = r.bool()
	case "every":
		w.Every = int(r.int(1, math.MaxUint16))
	case "features":
		w.Features = r.features()
	default:
		r.skip(1)
	}
}

func (r *reader) mode() (m WelcomeMode) {
	for range r.pairs() {
		switch string(r.str(MaxIdent)) {
		case "name":
			m.Name = r.text(MaxIdent)
		case "title":
			m.Title = r.text(MaxTitle)
		case "teams":
			m.Teams = int(r.int(0, game.MaxSlots))
		case "max":
			m.Max = int(r.int(0, game.MaxSlots))
		case "options":
			m.Options = r.options()
		default:
			r.skip(1)
		}
	}
	return m
}

func (r *reader) options() (list []game.Option) {
	n := r.array()
	if n > MaxOptions {
		r.fail(ErrTooLong)
	}
	for i := 0; i < n && r.err == nil; i++ {
		extra := r.record(2)
		list = append(list, game.Option{Name: r.text(MaxIdent), Value: r.int32()})
		r.skip(extra)
	}
	return list
}
