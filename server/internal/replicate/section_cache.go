package replicate

import "tactus/game"

// sectionCache holds the sections of the current snapshot that several clients
// receive.
type sectionCache struct {
	entries []cachedSection // unused ones keep their memory
	used    int
}

type cachedSection struct {
	audience audience
	key      uint32
	baseline game.Tick
	bytes    []byte
}

// maxCachedSections bounds the sections that are kept. Clients with other
// baselines are encoded one by one.
const maxCachedSections = 64

func (c *sectionCache) clear() { c.used = 0 }

// find returns the entry of a section. If found is false, entry is new and the
// caller fills it, or nil because the cache is full.
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
