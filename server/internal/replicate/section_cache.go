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

// find returns the section, or nil if it was not encoded yet.
func (c *sectionCache) find(a audience, key uint32, baseline game.Tick) *cachedSection {
	for i := range c.entries[:c.used] {
		s := &c.entries[i]
		if s.audience == a && s.key == key && s.baseline == baseline {
			return s
		}
	}
	return nil
}

// add returns a new entry, which the caller fills, or nil if the cache is full.
func (c *sectionCache) add(a audience, key uint32, baseline game.Tick) *cachedSection {
	if c.used == maxCachedSections {
		return nil
	}
	if c.used == len(c.entries) {
		c.entries = append(c.entries, cachedSection{})
	}
	s := &c.entries[c.used]
	c.used++
	s.audience, s.key, s.baseline = a, key, baseline
	return s
}
