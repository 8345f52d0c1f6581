package matchfn

// What keeps a cycle short whatever comes in. Each is far from what queues
// need; where one is hit, later cycles look at what this one left out.
const (
	// maxRegions are those with places or gaps, by name; a match is not sought
	// in any more.
	maxRegions = 64
	// maxMemberships bounds the places in pools of all groups together, and
	// maxCells those of one group. One that fits more (it leaves open what
	// others name) takes turns, a second each.
	maxMemberships = 2 << 20
	maxCells       = 64
	// maxKnown, or eight for each group if that is more, bounds the values,
	// kinds, classes and cells that are remembered from cycle to cycle.
	maxKnown = 1 << 17
	// maxPackSteps bounds the search for parties that fill teams to the last
	// seat.
	maxPackSteps = 256
	// maxSplit is up to how many groups two teams are split in the best way of
	// all; more are made even by swaps.
	maxSplit = 12
	maxSwaps = 32
	// maxExact and maxExactSteps bound the exhaustive search for one group, its
	// neighbours and its steps; maxCycleSteps those of all groups in a cycle.
	maxExact      = 24
	maxExactSteps = 1 << 14
	maxCycleSteps = 1 << 17
	// maxSizeLook is how many groups of one size are looked at on one side where
	// those near do not fill teams, besides those that a match could use.
	maxSizeLook = 24
	// maxBackfillCells is in how many cells players for one gap are looked for; if
	// there are more, they take turns, a second each.
	maxBackfillCells = 256
	// maxBackfillLook is how many groups are looked at for one gap in one pool.
	maxBackfillLook = 256
)
