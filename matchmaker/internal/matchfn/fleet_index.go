package matchfn

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/matchfunc"
)

// fleetIndex is the state of the fleet in one cycle: where matches can be opened,
// and which running ones ask for players. Regions keep their numbers between
// cycles, until a new one appears.
type fleetIndex struct {
	rules      *compiledRules
	regions    []string // with a capacity or a backfill
	versions   []int32  // IDs of those that capacities and backfills run
	anyVersion bool     // a capacity or a backfill does not name its version.
	capacities []capacity
	byRegion   [][]int32 // indices of capacities, by the region of pools
	open       uint64    // bits of the regions of pools in which there is room
	backfills  []*matchfunc.Backfill
}

// capacity is a [matchfunc.Capacity] that has room.
type capacity struct {
	matchfunc.Capacity
	region  int   // index of fleetIndex.regions
	version int32 // unnamed: any
	weight  float64
}

// reset forgets numbers of regions and versions.
func (f *fleetIndex) reset() { f.regions, f.versions = nil, nil }

// update replaces the state by a cycle's. It reports whether the numbers of
// regions changed, and whether the versions did.
func (f *fleetIndex) update(s matchfunc.State, versions *dimension) (regionsChanged, versionsChanged bool) {
	f.backfills = f.backfills[:0]
	if f.rules.Backfill {
		for i := range s.Backfills {
			f.backfills = append(f.backfills, &s.Backfills[i])
		}
	}
	regionsChanged = f.updateRegions(s)
	before, anyBefore := f.versions, f.anyVersion
	f.versions, f.anyVersion = nil, false
	f.updateCapacities(s, versions)
	for _, b := range f.backfills {
		if region := slices.Index(f.regions, b.Region); region >= 0 {
			f.open |= 1 << f.poolRegion(region)
			f.addVersion(b.Version, versions)
		}
	}
	return regionsChanged, anyBefore != f.anyVersion || !slices.Equal(before, f.versions)
}

// updateRegions gives numbers to all regions if there is a new one.
func (f *fleetIndex) updateRegions(s matchfunc.State) (changed bool) {
	names := make([]string, 0, maxRegions)
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range s.Capacities {
		add(c.Region)
	}
	for _, b := range f.backfills {
		add(b.Region)
	}
	slices.SortFunc(names, strings.Compare)
	names = names[:min(len(names), maxRegions)]
	isNew := func(name string) bool { return !slices.Contains(f.regions, name) }
	if !slices.ContainsFunc(names, isNew) {
		return false
	}
	f.regions = names
	return true
}

func (f *fleetIndex) updateCapacities(s matchfunc.State, versions *dimension) {
	f.capacities = f.capacities[:0]
	f.open = 0
	pools := max(len(f.regions), 1)
	f.byRegion = slices.Grow(f.byRegion[:0], pools)[:pools]
	for r := range f.byRegion {
		f.byRegion[r] = f.byRegion[r][:0]
	}
	for _, c := range s.Capacities {
		weight, named := f.weight(c.Version)
		region := slices.Index(f.regions, c.Region)
		if c.Matches <= 0 || !named || region < 0 {
			continue
		}
		r := f.poolRegion(region)
		f.open |= 1 << r
		f.byRegion[r] = append(f.byRegion[r], int32(len(f.capacities)))
		f.capacities = append(f.capacities, capacity{
			Capacity: c, region: region, version: f.addVersion(c.Version, versions), weight: weight,
		})
	}
}

// poolRegion is the region of the pools that hold the groups for matches in the
// region. Without a rule on latency all regions share one pool.
func (f *fleetIndex) poolRegion(region int) int {
	if f.rules.Latency == nil {
		return 0
	}
	return region
}

// addVersion records that the version runs somewhere, and returns its ID.
func (f *fleetIndex) addVersion(version string, versions *dimension) int32 {
	if version == "" {
		f.anyVersion = true
		return unnamed
	}
	id := versions.id(version)
	if !slices.Contains(f.versions, id) {
		f.versions = append(f.versions, id)
	}
	return id
}

// weight is the version's share of new matches; named is false if it gets none.
func (f *fleetIndex) weight(version string) (weight float64, named bool) {
	list := f.rules.Assignment.Versions
	for _, v := range list {
		if v.Version == version {
			return v.Weight, true
		}
	}
	return 1, len(list) == 0
}

// hasCapacity reports whether a match of the version can be opened.
func (f *fleetIndex) hasCapacity(region int, version int32) bool {
	for _, i := range f.byRegion[region] {
		if f.capacities[i].version == version || f.capacities[i].version == unnamed || version == unnamed {
			return true
		}
	}
	return false
}

// take uses up the room of one match where the draft is played best: the version
// by its weight where the clients have several, then the region nearest to the
// players, then the capacity with the most room.
func (f *fleetIndex) take(d *draft, p *pools) *capacity {
	c := &f.capacities[f.choose(d, p)]
	if c.Matches--; c.Matches <= 0 {
		r := f.poolRegion(c.region)
		f.byRegion[r] = slices.DeleteFunc(f.byRegion[r], func(i int32) bool { return f.capacities[i].Matches <= 0 })
		f.closeBackfills()
	}
	return c
}

func (f *fleetIndex) choose(d *draft, p *pools) int {
	list := f.byRegion[d.region]
	version := d.version
	if version == unnamed && len(f.rules.Assignment.Versions) > 0 {
		version = f.weightedVersion(d.region, p.groups.id(d.members[0]))
	}
	if len(list) == 1 {
		return int(list[0])
	}
	best, bestLatency := -1, time.Duration(0)
	for _, i := range list {
		c := &f.capacities[i]
		if c.version != version && c.version != unnamed && version != unnamed {
			continue
		}
		latency := p.meanLatency(d.members, c.region)
		if best < 0 || cmp.Or(cmp.Compare(latency, bestLatency), cmp.Compare(f.capacities[best].Matches, c.Matches)) < 0 {
			best, bestLatency = int(i), latency
		}
	}
	return best
}

// weightedVersion chooses by a hash of a group's ID. The same group gets the same
// version again, and a version gets its share over many groups.
func (f *fleetIndex) weightedVersion(region int, id string) int32 {
	list := f.byRegion[region]
	total := 0.0
	each := func(use func(version int32, weight float64) bool) {
		for n, i := range list {
			c := &f.capacities[i]
			first := !slices.ContainsFunc(list[:n], func(o int32) bool { return f.capacities[o].version == c.version })
			if first && use(c.version, c.weight) {
				return
			}
		}
	}
	each(func(_ int32, weight float64) bool { total += weight; return false })
	at := hashToUnit(id) * total
	chosen := unnamed
	each(func(version int32, weight float64) bool {
		chosen = version
		at -= weight
		return at < 0
	})
	return chosen
}

// closeBackfills leaves open the regions in which a new match can be opened.
func (f *fleetIndex) closeBackfills() {
	f.open = 0
	for r, list := range f.byRegion {
		if len(list) > 0 {
			f.open |= 1 << r
		}
	}
}

// hashToUnit maps a text to a number from 0 to below 1, evenly (FNV-1a with the
// finalizer of MurmurHash3).
func hashToUnit(s string) float64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return float64((h^h>>33)>>11) / (1 << 53)
}
