package replicate

import "tactus/game"

// audience says which players receive a section.
type audience int

const (
	public audience = iota
	team
	owner
	audiences
)

// column is a run of words that is sent as a unit: a field, or the low bits of
// a quantised field.
type column struct {
	offset, words int
	bits          uint32 // of a word that belong to the column
	shift         uint8  // right shift of the public part of a quantised field
}

// value returns what the column contains of a word.
func (c *column) value(w uint32) int32 { return int32(w&c.bits) >> c.shift }

// changed reports whether the column's words differ between two rows.
func (c *column) changed(a, b []uint32) bool {
	var differs uint32
	for i := c.offset; i < c.offset+c.words; i++ {
		differs |= a[i] ^ b[i]
	}
	return differs&c.bits != 0
}

func (c *column) zero(row []uint32) bool {
	var set uint32
	for _, w := range row[c.offset : c.offset+c.words] {
		set |= w
	}
	return set&c.bits == 0
}

// layout says which words of a table are sent to which players.
type layout struct {
	columns      [audiences][]column
	firstStamp   [audiences]int // index of the audience's first column in stamps
	stampsPerRow int
	rowAudience  audience // players that know of the rows themselves
	slotWord     int      // word that names the owner; -1: none
	sideWord     int      // word that names the team; -1: none
	wordLevel    []wordLevel
}

// wordLevel says what a client stores of a word, for the visible hash.
type wordLevel struct {
	vis   game.Visibility
	quant uint8
}

func newLayout(sc *game.TableSchema) layout {
	l := layout{slotWord: -1, sideWord: -1, wordLevel: make([]wordLevel, sc.Stride)}
	for f := range sc.Fields {
		l.addField(sc, &sc.Fields[f])
	}
	l.rowAudience = public
	if len(l.columns[public]) == 0 {
		l.rowAudience = team
		if len(l.columns[owner]) > 0 {
			l.rowAudience = owner
		}
	}
	if sc.Slot >= 0 {
		l.slotWord = sc.Fields[sc.Slot].Offset
	}
	if sc.Side >= 0 {
		l.sideWord = sc.Fields[sc.Side].Offset
	}
	for a := range l.columns {
		l.firstStamp[a] = l.stampsPerRow
		l.stampsPerRow += len(l.columns[a])
	}
	return l
}

func (l *layout) addField(sc *game.TableSchema, f *game.FieldSchema) {
	for w := f.Offset; w < f.Offset+f.Words; w++ {
		l.wordLevel[w] = wordLevel{f.Vis, f.Quant}
	}
	c := column{offset: f.Offset, words: f.Words, bits: ^uint32(0)}
	switch f.Vis {
	case game.Public:
		c.bits, c.shift = c.bits<<f.Quant, f.Quant
		l.columns[public] = append(l.columns[public], c)
		if f.Quant > 0 && sc.Slot >= 0 {
			c.bits, c.shift = 1<<f.Quant-1, 0
			l.columns[owner] = append(l.columns[owner], c)
		}
	case game.Team:
		l.columns[team] = append(l.columns[team], c)
	case game.Owner:
		l.columns[owner] = append(l.columns[owner], c)
	case game.Server:
	}
}

// wordOf returns the word that names the row's owner or team.
func (l *layout) wordOf(a audience) int {
	if a == team {
		return l.sideWord
	}
	return l.slotWord
}

// replicated reports whether clients see any field of a table.
func replicated(sc *game.TableSchema) bool {
	for i := range sc.Fields {
		if sc.Fields[i].Vis != game.Server {
			return true
		}
	}
	return false
}
