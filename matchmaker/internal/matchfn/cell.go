package matchfn

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Who may play with whom by version and attributes is decided by cells. A cell
// names one value for each dimension (the version, then each attribute), or
// unnamed. A group is in each cell whose values it has; one that does not say
// is in the cells of all values and in the unnamed one; one that does not care
// any more is in the cells of its values and in the unnamed one. Any groups of
// one cell fit together, and groups that fit together share a cell.

// unnamed stands in a cell for a dimension in which nobody insists.
const unnamed = int32(-1)

// kind is what groups say of themselves.
type attributeSet struct {
	values       [][]int32 // by dimension, ascending; empty: does not say
	requirements []int32   // of this kind, one for each set of dimensions cared for
}

// class is a kind and the attributes it still cares for.
type requirement struct {
	set   int32
	cares uint32
	open  bool // leaves a dimension open, so that its cells change with what is known
	cut   bool // fits more cells than it may be in: they change with time
	known int  // the Matcher's known values and versions when the cells were listed
	cells []int32
}

// dimension is the version or an attribute.
type dimension struct {
	rule *rules.Attribute // nil: the version
	ids  map[string]int32
}

func (d *dimension) id(value string) int32 {
	id, ok := d.ids[value]
	if !ok {
		id = int32(len(d.ids))
		d.ids[value] = id
	}
	return id
}

// read appends the ids of what the group says.
func (d *dimension) read(g *matchfunc.Group, ids []int32) []int32 {
	if d.rule == nil {
		if g.Version == "" {
			return ids
		}
		return append(ids, d.id(g.Version))
	}
	return d.readValues(g.Attributes[d.rule.Name], ids)
}

func (d *dimension) readValues(values []string, ids []int32) []int32 {
	switch {
	case len(values) == 0:
		return ids
	case d.rule.Rule == rules.RuleEqual:
		return append(ids, d.id(setValue(values)))
	case len(values) == 1:
		return append(ids, d.id(values[0]))
	}
	from := len(ids)
	for _, v := range values {
		ids = append(ids, d.id(v))
	}
	slices.Sort(ids[from:])
	return ids[:from+len(slices.Compact(ids[from:]))]
}

// setValue is one value for a set of values, whatever their order.
func setValue(values []string) string {
	if len(values) == 1 && !strings.HasPrefix(values[0], "\x00") {
		return values[0]
	}
	set := slices.Clone(values)
	slices.Sort(set)
	set = slices.Compact(set)
	if len(set) == 1 && !strings.HasPrefix(set[0], "\x00") {
		return set[0]
	}
	var b strings.Builder
	for _, v := range set {
		b.WriteByte(0)
		b.WriteString(strconv.Quote(v))
	}
	return b.String()
}

// kindOf finds or makes the kind of a group.
func (m *Matcher) attributeSetOf(g *matchfunc.Group) int32 {
	key, ids := m.key[:0], m.ids[:0]
	var ends [maxDimensions]int
	for d := range m.dimensions {
		from := len(ids)
		ids = m.dimensions[d].read(g, ids)
		ends[d] = len(ids)
		key = binary.AppendUvarint(key, uint64(len(ids)-from))
		for _, id := range ids[from:] {
			key = binary.AppendUvarint(key, uint64(id))
		}
	}
	m.key, m.ids = key, ids
	if index, ok := m.setIndex[string(key)]; ok {
		return index
	}
	k := attributeSet{values: make([][]int32, len(m.dimensions))}
	kept := slices.Clone(ids)
	from := 0
	for d := range k.values {
		k.values[d] = kept[from:ends[d]:ends[d]]
		from = ends[d]
	}
	index := int32(len(m.attributeSets))
	m.attributeSets = append(m.attributeSets, k)
	m.setIndex[string(key)] = index
	return index
}

// maxDimensions is the version and as many attributes as rules may name.
const maxDimensions = 33

func (m *Matcher) requirementsOf(setIndex int32, cares uint32) int32 {
	k := &m.attributeSets[setIndex]
	for _, index := range k.requirements {
		if m.requirements[index].cares == cares {
			return index
		}
	}
	c := requirement{set: setIndex, cares: cares, known: -1}
	for _, values := range k.values {
		c.open = c.open || len(values) == 0
	}
	index := int32(len(m.requirements))
	m.requirements = append(m.requirements, c)
	k.requirements = append(k.requirements, index)
	return index
}

// listCells brings the cells of a class up to date. limit is how many it may be
// in, turn counts on when it has to take turns.
func (m *Matcher) listCells(c *requirement, limit, turn int) {
	if len(c.cells) <= limit && (c.known == m.known || c.known >= 0 && !c.open) {
		return
	}
	options := m.options[:len(m.dimensions)]
	total := 1
	for d, values := range m.attributeSets[c.set].values {
		switch {
		case len(values) == 0:
			options[d] = append(append(options[d][:0], unnamed), m.valuesOf(d)...)
		case d > 0 && c.cares&(1<<(d-1)) == 0:
			options[d] = append(append(options[d][:0], unnamed), values...)
		default:
			options[d] = append(options[d][:0], values...)
		}
		total = min(total*len(options[d]), maxMemberships)
	}
	c.cells = c.cells[:0]
	c.cut = total > limit
	start := 0
	if c.cut {
		start = turn * limit % total
	}
	for n := range min(total, limit) {
		c.cells = append(c.cells, m.cellAt(options, (start+n)%total))
	}
	c.known = m.known
	if c.cut {
		c.known = -1
	}
}

// valuesOf lists what a group that does not say could be asked to fit: all known
// values, of versions only those that places and matches run.
func (m *Matcher) valuesOf(d int) []int32 {
	if d == 0 && !m.anything {
		return m.versions
	}
	m.all = m.all[:0]
	for id := range len(m.dimensions[d].ids) {
		m.all = append(m.all, int32(id))
	}
	return m.all
}

// cellAt finds or makes the n-th combination of the options.
func (m *Matcher) cellAt(options [][]int32, n int) int32 {
	key := m.key[:0]
	var values [maxDimensions]int32
	for d, list := range options {
		values[d] = list[n%len(list)]
		n /= len(list)
		key = binary.AppendVarint(key, int64(values[d]))
	}
	m.key = key
	if index, ok := m.cellIndex[string(key)]; ok {
		return index
	}
	index := int32(len(m.cells))
	m.cells = append(m.cells, slices.Clone(values[:len(options)]))
	m.cellIndex[string(key)] = index
	return index
}
