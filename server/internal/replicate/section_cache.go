package replicate

import "tactus/game"

// sectionCache holds the sections of this snapshot that several clients get.
type sectionCache struct {
	entries []cachedSection // with the memory of those that are not in use
	used    int
}

type cachedSection struct {
	audience audience
	key      uint32
	baseline game.Tick
	bytes    []byte
}

// maxCachedSections bounds the sections of a snapshot that are kept; clients with
// rarer baselines are encoded one by one.
const maxCachedSections = 64

func (c *sectionCache) clear() { c.used = 0 }

// find returns the entry of a section. If none was found, it is a new one, to be
// filled by the caller, or nil when the cache is full.
func (c *sectionCache) find(a audience, key uint32, baseline game.Tick) (entry *cachedSection, found bool) {
	for i := range c.entries[:c.used] {
		s := &c.entries[i]
		if s.audience == a && s.key == key && s.baseline == baseline {
			return s, true
		}
	}
	if c.used == maxCachedSections {
		return nil, false
	}
	if c.used == len(c.entries) {
		c.entries = append(c.entries, cachedSection{})
	}
	s := &c.entries[c.used]
	c.used++
	s.audience, s.key, s.baseline = a, key, baseline
	return s, false
}
