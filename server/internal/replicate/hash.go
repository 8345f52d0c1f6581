package replicate

import (
	"tactus/game"
)

// visibleHash returns the hash of what the player sees, as defined in section 6
// of docs/protocol.md. In worlds with interest it is valid only for the view
// that is being encoded.
func (e *Encoder) visibleHash(p game.Slot, side int32) uint32 {
	h := game.NewHash()
	for _, t := range e.tracker.tables {
		for i := range t.raw.High() {
			if t.raw.Alive(i) && (t.placed == nil || e.interest.isVisible(t.placed.cell[i])) {
				t.hashRow(&h, i, uint32(p), side)
			}
		}
	}
	return h.Sum32()
}

func (t *tableState) hashRow(h *game.Hash, i int, p uint32, side int32) {
	row := t.raw.Row(i)
	own := t.slotWord >= 0 && row[t.slotWord] == p
	mate := side >= 0 && t.sideWord >= 0 && int32(row[t.sideWord]) == side
	if t.rowAudience == owner && !own || t.rowAudience == team && !mate {
		return
	}
	h.Word(uint32(t.index))
	h.Word(uint32(game.MakeEntity(i, t.raw.Generation(i))))
	for w, l := range t.wordLevel {
		switch {
		case l.vis == game.Public && (own || l.quant == 0):
			h.Word(row[w])
		case l.vis == game.Public:
			h.Word(row[w] >> l.quant << l.quant)
		case l.vis == game.Team && mate, l.vis == game.Owner && own:
			h.Word(row[w])
		default:
			h.Word(0)
		}
	}
}
