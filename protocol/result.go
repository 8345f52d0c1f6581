package protocol

import "tactus/game"

// Result is the standing of a match.
type Result struct {
	Over    bool
	Results []ResultEntry
	Next    uint32 // ms until the match closes
}

// ResultEntry is one player's standing.
type ResultEntry struct {
	Slot  game.Slot
	Name  string
	Team  int32 // -1 without teams
	Score int32
	Rank  int32 // 1 is best; equal ranks are a draw
	Bot   bool
}

type resultMap struct {
	Over    bool               `msgpack:"over"`
	Results []resultEntryArray `msgpack:"results"`
	Next    uint32             `msgpack:"next"`
}

type resultEntryArray struct {
	_msgpack struct{} `msgpack:",as_array"` //nolint:unused // makes the library write an array
	Slot     uint32
	Name     string
	Team     int32
	Score    int32
	Rank     int32
	Bot      bool
}

// AppendResult appends a result message.
func AppendResult(dst []byte, p *Result) []byte {
	m := resultMap{Over: p.Over, Next: p.Next, Results: make([]resultEntryArray, 0, len(p.Results))}
	for _, e := range p.Results {
		m.Results = append(m.Results, resultEntryArray{
			Slot: uint32(e.Slot), Name: e.Name, Team: e.Team, Score: e.Score, Rank: e.Rank, Bot: e.Bot,
		})
	}
	return appendMap(dst, TypeResult, &m)
}

// ParseResult reads a result message.
func ParseResult(b []byte) (Result, error) {
	r := open(b, TypeResult, 1)
	var p Result
	for range r.pairs() {
		switch string(r.str(MaxIdent)) {
		case "over":
			p.Over = r.bool()
		case "results":
			p.Results = r.results()
		case "next":
			p.Next = r.uint32()
		default:
			r.skip(1)
		}
	}
	if err := r.close(); err != nil {
		return Result{}, err
	}
	return p, nil
}

func (r *reader) results() (list []ResultEntry) {
	n := r.array()
	if n > game.MaxSlots {
		r.fail(ErrTooLong)
	}
	for i := 0; i < n && r.err == nil; i++ {
		extra := r.record(6)
		list = append(list, ResultEntry{
			Slot: r.slot(), Name: r.name(), Team: r.int32(), Score: r.int32(), Rank: r.int32(), Bot: r.bool(),
		})
		r.skip(extra)
	}
	return list
}
