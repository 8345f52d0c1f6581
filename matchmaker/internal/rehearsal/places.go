package rehearsal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tactus/matchmaker/internal/rehearsal/recording"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/matchfunc"
)

// Capacity is how many matches the servers of a region can run at the same time.
type Capacity struct {
	Region  string
	Version string // of the game; empty: that of the players
	Matches int
}

// ParseServers reads capacities as "eu=100,us=50", or with a version as
// "eu@1.2=100". The error names every mistake.
func ParseServers(text string) ([]Capacity, error) {
	var list []Capacity
	var errs []error
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(strings.TrimSpace(part), "=")
		region, version, _ := strings.Cut(name, "@")
		n, err := strconv.Atoi(strings.TrimSpace(number))
		c := Capacity{Region: strings.TrimSpace(region), Version: strings.TrimSpace(version), Matches: n}
		twice := slices.ContainsFunc(list, func(o Capacity) bool { return o.Region == c.Region && o.Version == c.Version })
		switch {
		case err != nil || n < 0 || c.Region == "":
			errs = append(errs, fmt.Errorf("servers %q: want region=matches or region@version=matches", part))
		case twice:
			errs = append(errs, fmt.Errorf("duplicate servers %q", part))
		}
		list = append(list, c)
	}
	return list, errors.Join(errs...)
}

// places are the servers of a simulation. It is not safe for concurrent use.
type places struct {
	capacities []Capacity // Matches is what is free
	unlimited  bool
	versions   []string // of matches where a capacity names none
	taken      int
	listed     []matchfunc.Capacity
}

// newPlaces returns servers for the regions and versions of the recording. Without a
// list of servers each region has no limit.
func newPlaces(servers []Capacity, searches []recording.Search, q *rules.Queue) *places {
	regions, versions := make(map[string]bool), make(map[string]bool)
	for _, s := range searches {
		for region := range s.Group.Latency {
			regions[region] = true
		}
		if s.Group.Version != "" {
			versions[s.Group.Version] = true
		}
	}
	p := &places{capacities: slices.Clone(servers), unlimited: len(servers) == 0, versions: slices.Sorted(maps.Keys(versions))}
	if named := q.Assignment.Versions; len(named) > 0 {
		p.versions = nil
		for _, v := range named {
			p.versions = append(p.versions, v.Version)
		}
	}
	if len(p.versions) == 0 {
		p.versions = []string{""}
	}
	if !p.unlimited {
		return p
	}
	if len(regions) == 0 {
		regions[""] = true
	}
	for _, region := range slices.Sorted(maps.Keys(regions)) {
		p.capacities = append(p.capacities, Capacity{Region: region})
	}
	return p
}

// open lists the free capacity for so many groups. The list is valid until the next
// call.
func (p *places) open(groups int) []matchfunc.Capacity {
	p.listed = p.listed[:0]
	for _, c := range p.capacities {
		free := c.Matches
		if p.unlimited {
			free = groups
		}
		if free <= 0 {
			continue
		}
		if c.Version != "" {
			p.listed = append(p.listed, matchfunc.Capacity{Region: c.Region, Version: c.Version, Matches: free})
			continue
		}
		for _, v := range p.versions {
			p.listed = append(p.listed, matchfunc.Capacity{Region: c.Region, Version: v, Matches: free})
		}
	}
	return p.listed
}

// occupy starts a match. Servers of that version alone come first.
func (p *places) occupy(region, version string) (place int, ok bool) {
	place = -1
	for i, c := range p.capacities {
		if c.Region != region || c.Version != "" && c.Version != version || !p.unlimited && c.Matches <= 0 {
			continue
		}
		if place < 0 || c.Version != "" {
			place = i
		}
	}
	if place < 0 {
		return 0, false
	}
	p.capacities[place].Matches--
	p.taken++
	return place, true
}

func (p *places) free(place int) {
	p.capacities[place].Matches++
	p.taken--
}

// full reports whether all servers of some region are in use.
func (p *places) full() bool {
	return !p.unlimited && slices.ContainsFunc(p.capacities, func(c Capacity) bool { return c.Matches <= 0 })
}

// busy returns how many matches run.
func (p *places) busy() int { return p.taken }
