package game

import (
	"errors"
	"strconv"
)

// Simulation steps one match. The server, replays, the conformance kit and the
// browser all step matches through it, so that the order within a tick is the
// same everywhere: joins, leaves and commands at the border, then the bots'
// inputs, then Step.
//
// It is not safe for concurrent use; owned by the goroutine that runs the match.
type Simulation struct {
	info    Info
	cfg     MatchConfig
	world   World
	tables  *Tables
	inputs  Inputs
	seats   []seat
	tick    Tick
	stepped bool // events of the last tick are still there
	botter  Botter
}

type seat struct{ taken, bot bool }

// ErrCorrupt is returned for a saved state that does not fit the game.
var ErrCorrupt = errors.New("saved state does not fit this game")

// NewSimulation makes the world of a match at tick 0.
func NewSimulation(g Game, cfg MatchConfig) (*Simulation, error) {
	info := g.Info()
	cfg = withoutRanges(cfg)
	world := g.NewWorld(cfg)
	tables := world.Tables()
	if err := errors.Join(tables.Err(), info.Input.err); err != nil {
		return nil, err
	}
	n := cfg.Mode.MaxPlayers
	if n < 1 || n > MaxSlots {
		return nil, errors.New("mode " + cfg.Mode.Name + ": MaxPlayers " + strconv.Itoa(n) + " is not between 1 and " + strconv.Itoa(MaxSlots))
	}
	s := &Simulation{
		info: info, cfg: cfg, world: world, tables: tables,
		inputs: newInputs(info.Input.Stride, n), seats: make([]seat, n),
	}
	s.botter, _ = world.(Botter)
	return s, nil
}

// withoutRanges hides the ranges of options from the rules: a match log and a browser
// have the values alone, and must lead to the same world.
func withoutRanges(cfg MatchConfig) MatchConfig {
	for _, list := range [2]*[]Option{&cfg.Options, &cfg.Mode.Options} {
		if *list == nil {
			continue
		}
		bare := make([]Option, len(*list))
		for i, o := range *list {
			bare[i] = Option{Name: o.Name, Value: o.Value}
		}
		*list = bare
	}
	return cfg
}

// Info describes the game.
func (s *Simulation) Info() *Info { return &s.info }

// Config is what the match was made from.
func (s *Simulation) Config() *MatchConfig { return &s.cfg }

// World is the game's own.
func (s *Simulation) World() World { return s.world }

// Tables is the state.
func (s *Simulation) Tables() *Tables { return s.tables }

// Inputs are the inputs in effect; see [Simulation.SetInput].
func (s *Simulation) Inputs() *Inputs { return &s.inputs }

// Tick is the last tick stepped, 0 before the first.
func (s *Simulation) Tick() Tick { return s.tick }

// Taken reports whether the seat is taken, and whether by a bot.
func (s *Simulation) Taken(p Slot) (taken, bot bool) { return s.seats[p].taken, s.seats[p].bot }

// border clears the events of the last tick, once, before anything of the next
// one happens.
func (s *Simulation) border() {
	if !s.stepped {
		return
	}
	s.stepped = false
	for _, e := range s.tables.events {
		e.truncate()
	}
}

// Join seats a player; it reports false when the seat is taken or unknown.
func (s *Simulation) Join(p Slot, info PlayerInfo) bool {
	if int(p) >= len(s.seats) || s.seats[p].taken {
		return false
	}
	s.border()
	s.seats[p] = seat{taken: true, bot: info.Bot}
	s.inputs.clear(p)
	s.world.Join(p, info)
	return true
}

// Leave frees a seat; it reports false when the seat is free already.
func (s *Simulation) Leave(p Slot, why LeaveReason) bool {
	if int(p) >= len(s.seats) || !s.seats[p].taken {
		return false
	}
	s.border()
	s.world.Leave(p, why)
	s.seats[p] = seat{}
	s.inputs.clear(p)
	return true
}

// Command applies a reliable command at the tick's border. The reply is valid
// until the next call.
func (s *Simulation) Command(p Slot, name string, args []int32) (reply []int32, ok bool) {
	c, can := s.world.(Commander)
	if !can || int(p) >= len(s.seats) || !s.seats[p].taken || len(args) > MaxCommandArgs {
		return nil, false
	}
	s.border()
	reply, ok = c.Command(p, name, args)
	return reply[:min(len(reply), MaxCommandArgs)], ok
}

// SetInput sets p's input from the next tick on. It rejects words outside their
// range, and inputs for an empty or a bot's seat.
func (s *Simulation) SetInput(p Slot, lag int32, words []uint32) bool {
	if int(p) >= len(s.seats) || !s.seats[p].taken || s.seats[p].bot || !s.info.Input.Valid(words) {
		return false
	}
	s.inputs.SetLag(p, lag)
	copy(s.inputs.Words(p), words)
	return true
}

// Step advances the match by one tick.
func (s *Simulation) Step() {
	s.border()
	s.tick++
	if s.botter != nil {
		for p := range s.seats {
			if s.seats[p].bot {
				s.botter.Think(s.tick, Slot(p), &s.inputs)
			}
		}
	}
	s.world.Step(s.tick, &s.inputs)
	s.stepped = true
}

// Outcome is the world's.
func (s *Simulation) Outcome() (Outcome, bool) { return s.world.Outcome() }

// Schema describes the state to a client.
func (s *Simulation) Schema() *Schema {
	sc := &Schema{Game: s.info.Name, Version: s.info.Version, Input: s.info.Input.TableSchema}
	for _, t := range s.tables.tables {
		sc.Tables = append(sc.Tables, t.schema)
	}
	for _, t := range s.tables.events {
		sc.Events = append(sc.Events, t.schema)
	}
	return sc
}

// Hash covers the tick, the seats, the inputs in effect and every table.
func (s *Simulation) Hash() uint64 {
	h := NewHash()
	h.Word(uint32(s.tick))
	for i := range s.seats {
		h.Word(seatWord(s.seats[i]))
	}
	h.Words(s.inputs.words)
	for _, list := range [2][]*RawTable{s.tables.tables, s.tables.events} {
		for _, t := range list {
			t.hash(&h)
		}
	}
	return h.Sum64()
}

func seatWord(s seat) uint32 {
	var w uint32
	if s.taken {
		w = 1
	}
	if s.bot {
		w |= 2
	}
	return w
}

func (t *RawTable) hash(h *Hash) {
	h.Word(uint32(t.used))
	h.Words(t.gens[:t.used])
	for i := range t.high {
		if t.Alive(i) {
			h.Word(uint32(i))
			h.Words(t.Row(i))
		}
	}
}

// Save appends the whole state to dst: little-endian words, only the living
// rows. It allocates only when dst is too small.
func (s *Simulation) Save(dst []byte) []byte {
	dst = appendWord(dst, uint32(s.tick))
	dst = appendWord(dst, boolWord(s.stepped))
	dst = appendWord(dst, uint32(len(s.seats)))
	for i := range s.seats {
		dst = appendWord(dst, seatWord(s.seats[i]))
	}
	dst = appendWords(dst, s.inputs.words)
	for _, list := range [2][]*RawTable{s.tables.tables, s.tables.events} {
		for _, t := range list {
			dst = t.save(dst)
		}
	}
	return dst
}

func (t *RawTable) save(dst []byte) []byte {
	dst = appendWord(dst, uint32(t.used))
	dst = appendWord(dst, uint32(t.count))
	dst = appendWords(dst, t.gens[:t.used])
	for i := range t.high {
		if t.Alive(i) {
			dst = appendWord(dst, uint32(i))
			dst = appendWords(dst, t.Row(i))
		}
	}
	return dst
}

// Restore replaces the whole state by a saved one of the same game, version
// and mode. After [ErrCorrupt] the simulation must not be used further.
func (s *Simulation) Restore(src []byte) error {
	r := wordReader{src: src}
	s.tick = Tick(r.word())
	stepped := r.word()
	s.stepped = stepped == 1
	if stepped > 1 || int(r.word()) != len(s.seats) {
		return ErrCorrupt
	}
	for i := range s.seats {
		w := r.word()
		s.seats[i] = seat{taken: w&1 != 0, bot: w&2 != 0}
		if w == 2 || w > 3 {
			return ErrCorrupt
		}
	}
	r.words(s.inputs.words)
	for _, list := range [2][]*RawTable{s.tables.tables, s.tables.events} {
		for _, t := range list {
			if !t.restore(&r) {
				return ErrCorrupt
			}
		}
	}
	if r.short || len(r.src) != 0 {
		return ErrCorrupt
	}
	return nil
}

func (t *RawTable) restore(r *wordReader) bool {
	t.Clear()
	used, count := int(r.word()), int(r.word())
	if r.short || used > t.schema.Capacity || count > used {
		return false
	}
	if t.schema.Single && count != 1 {
		return false
	}
	r.words(t.gens[:used])
	for _, g := range t.gens[:used] {
		if g > maxGeneration {
			return false
		}
	}
	last := -1
	for range count {
		i := int(r.word())
		if i <= last || i >= used || t.gens[i] == 0 {
			return false
		}
		last = i
		t.Put(i, t.gens[i])
		r.words(t.Row(i))
	}
	t.used = used
	return !r.short
}

func appendWord(dst []byte, w uint32) []byte {
	return append(dst, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
}

func appendWords(dst []byte, ws []uint32) []byte {
	for _, w := range ws {
		dst = appendWord(dst, w)
	}
	return dst
}

func boolWord(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

type wordReader struct {
	src   []byte
	short bool
}

func (r *wordReader) word() uint32 {
	if len(r.src) < 4 {
		r.short, r.src = true, nil
		return 0
	}
	b := r.src
	r.src = b[4:]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func (r *wordReader) words(dst []uint32) {
	for i := range dst {
		dst[i] = r.word()
	}
}
