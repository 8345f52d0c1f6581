package matchfn

// Limits that keep a cycle short. Each is far above the needs of a queue. Where one
// is reached, later cycles search what this one left out.
const (
	// maxRegions is the number of regions with capacities or backfills, in order of
	// their names. No match is sought in others.
	maxRegions = 64
	// maxMemberships bounds the memberships of all groups together, maxCells the
	// cells of one group. A group that fits more, since it has no value where others
	// have many, takes turns of a second each.
	maxMemberships = 2 << 20
	maxCells       = 64
	// maxKnown bounds the values, sets, requirements and cells that are remembered
	// between cycles; eight for each group if that is more.
	maxKnown = 1 << 17
	// maxPackSteps bounds the search for parties that fill teams to the last seat.
	maxPackSteps = 256
	// maxSplit is the number of groups up to which two teams get the best split of
	// all. More are made even by swaps.
	maxSplit = 12
	maxSwaps = 32
	// maxExact and maxExactSteps bound the exhaustive search for one group: its
	// neighbours and its steps. maxCycleSteps bounds those of all groups in a cycle.
	maxExact      = 24
	maxExactSteps = 1 << 14
	maxCycleSteps = 1 << 17
	// maxSizeLook is the number of groups of one size on one side that a search looks
	// at beyond those that a match could use.
	maxSizeLook = 24
	// maxBackfillCells is the number of cells in which groups for one backfill are
	// sought. If there are more, they take turns of a second each.
	maxBackfillCells = 256
	// maxBackfillLook is the number of groups of one pool that are looked at for one
	// backfill.
	maxBackfillLook = 256
)
