package matchfn

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// attributeIndex decides by cells which groups fit together by version and
// attributes. A cell has one value for each dimension (the version, then each
// attribute), or none (unnamed). The groups of a cell fit together, and groups that
// fit together share a cell:
//   - A group is in each cell that has its values.
//   - A group without a value is in the cells of all values, and in the unnamed one.
//   - A group that no longer insists on its value is also in the unnamed cell.
type attributeIndex struct {
	fleet        *fleetIndex
	dimensions   []dimension
	sets         []attributeSet
	setIndex     map[string]int32
	requirements []requirement
	cells        [][]int32 // their values, by dimension
	cellIndex    map[string]int32
	generation   int    // counts changes of the values that cells can have
	valueCount   int    // in all dimensions, at the last count
	key          []byte // scratch, as the next two.
	ids, all     []int32
	options      [][]int32
}

// unnamed stands in a cell for a dimension without a value.
const unnamed = int32(-1)

// attributeSet is the version and the attributes of groups.
type attributeSet struct {
	values       [][]int32 // by dimension, ascending; empty: none
	requirements []int32   // one for each set of attributes that are insisted on
}

// requirement is an attribute set and the attributes on which groups insist.
type requirement struct {
	set        int32
	cares      uint32 // bits of attributes
	open       bool   // has no value in some dimension: its cells change with the generation
	generation int    // attributeIndex.generation when the cells were listed; -1: list them again
	cells      []int32
}

// dimension is the version or an attribute.
type dimension struct {
	rule *rules.Attribute // nil: the version
	ids  map[string]int32
}

func (x *attributeIndex) reset(attributes []rules.Attribute) {
	x.dimensions = make([]dimension, 1+len(attributes))
	x.options = make([][]int32, len(x.dimensions))
	for d := range x.dimensions {
		x.dimensions[d].ids = make(map[string]int32)
		if d > 0 {
			x.dimensions[d].rule = &attributes[d-1]
		}
	}
	x.sets, x.requirements, x.cells = nil, nil, nil
	x.setIndex, x.cellIndex = make(map[string]int32), make(map[string]int32)
	x.valueCount = 0
}

// size is the largest number of things of one kind that are remembered.
func (x *attributeIndex) size() int {
	return max(x.valueCount, len(x.sets), len(x.requirements), len(x.cells))
}

// countValues begins a new generation if there are new values.
func (x *attributeIndex) countValues() {
	values := 0
	for d := range x.dimensions {
		values += len(x.dimensions[d].ids)
	}
	if values != x.valueCount {
		x.generation++
	}
	x.valueCount = values
}

func (d *dimension) id(value string) int32 {
	id, ok := d.ids[value]
	if !ok {
		id = int32(len(d.ids))
		d.ids[value] = id
	}
	return id
}

// read appends the IDs of the group's values.
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

// setOf returns the index of a group's attribute set, which may be new.
func (x *attributeIndex) setOf(g *matchfunc.Group) int32 {
	key, ids := x.key[:0], x.ids[:0]
	var ends [maxDimensions]int
	for d := range x.dimensions {
		from := len(ids)
		ids = x.dimensions[d].read(g, ids)
		ends[d] = len(ids)
		key = binary.AppendUvarint(key, uint64(len(ids)-from))
		for _, id := range ids[from:] {
			key = binary.AppendUvarint(key, uint64(id))
		}
	}
	x.key, x.ids = key, ids
	if index, ok := x.setIndex[string(key)]; ok {
		return index
	}
	k := attributeSet{values: make([][]int32, len(x.dimensions))}
	kept := slices.Clone(ids)
	from := 0
	for d := range k.values {
		k.values[d] = kept[from:ends[d]:ends[d]]
		from = ends[d]
	}
	index := int32(len(x.sets))
	x.sets = append(x.sets, k)
	x.setIndex[string(key)] = index
	return index
}

// maxDimensions is the version and as many attributes as rules may name.
const maxDimensions = 33

// requirementOf returns the index of a requirement, which may be new.
func (x *attributeIndex) requirementOf(set int32, cares uint32) int32 {
	k := &x.sets[set]
	for _, index := range k.requirements {
		if x.requirements[index].cares == cares {
			return index
		}
	}
	c := requirement{set: set, cares: cares, generation: -1}
	for _, values := range k.values {
		c.open = c.open || len(values) == 0
	}
	index := int32(len(x.requirements))
	x.requirements = append(x.requirements, c)
	k.requirements = append(k.requirements, index)
	return index
}

// cellsOf returns the cells of a requirement, limit at most. If it fits more, the
// choice changes with turn.
func (x *attributeIndex) cellsOf(index int32, limit, turn int) []int32 {
	c := &x.requirements[index]
	if len(c.cells) <= limit && (c.generation == x.generation || c.generation >= 0 && !c.open) {
		return c.cells
	}
	options := x.options[:len(x.dimensions)]
	total := 1
	for d, values := range x.sets[c.set].values {
		switch {
		case len(values) == 0:
			options[d] = append(append(options[d][:0], unnamed), x.valuesOf(d)...)
		case d > 0 && c.cares&(1<<(d-1)) == 0:
			options[d] = append(append(options[d][:0], unnamed), values...)
		default:
			options[d] = append(options[d][:0], values...)
		}
		total = min(total*len(options[d]), maxMemberships)
	}
	c.cells = c.cells[:0]
	start := 0
	if total > limit {
		start = turn * limit % total
	}
	for n := range min(total, limit) {
		c.cells = append(c.cells, x.cellAt(options, (start+n)%total))
	}
	c.generation = x.generation
	if total > limit {
		c.generation = -1
	}
	return c.cells
}

// valuesOf lists the values that a group without one has to fit: all, but of
// versions only those that servers run.
func (x *attributeIndex) valuesOf(d int) []int32 {
	if d == 0 && !x.fleet.anyVersion {
		return x.fleet.versions
	}
	x.all = x.all[:0]
	for id := range len(x.dimensions[d].ids) {
		x.all = append(x.all, int32(id))
	}
	return x.all
}

// cellAt returns the index of the cell with the n-th combination of the options.
func (x *attributeIndex) cellAt(options [][]int32, n int) int32 {
	key := x.key[:0]
	var values [maxDimensions]int32
	for d, list := range options {
		values[d] = list[n%len(list)]
		n /= len(list)
		key = binary.AppendVarint(key, int64(values[d]))
	}
	x.key = key
	if index, ok := x.cellIndex[string(key)]; ok {
		return index
	}
	index := int32(len(x.cells))
	x.cells = append(x.cells, slices.Clone(values[:len(options)]))
	x.cellIndex[string(key)] = index
	return index
}
