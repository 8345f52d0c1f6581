package matchfunc_test

import (
	"fmt"

	"tactus/matchmaker/matchfunc"
)

// Pairs puts two groups into each match, in the order in which they came.
func ExampleFunc() {
	var pairs matchfunc.Func = func(groups []*matchfunc.Group, state matchfunc.State) []matchfunc.Proposal {
		var proposals []matchfunc.Proposal
		next := 0
		for _, c := range state.Capacities {
			for range c.Matches {
				if next+1 >= len(groups) {
					return proposals
				}
				proposals = append(proposals, matchfunc.Proposal{
					Region: c.Region, Version: c.Version, Teams: [][]int{{next}, {next + 1}}, Quality: 1,
				})
				next += 2
			}
		}
		return proposals
	}

	groups := []*matchfunc.Group{{ID: "ann"}, {ID: "bob"}, {ID: "cleo"}, {ID: "dan"}}
	state := matchfunc.State{Capacities: []matchfunc.Capacity{
		{Region: "eu", Version: "1", Matches: 1}, {Region: "us", Version: "1", Matches: 8},
	}}
	for _, p := range pairs(groups, state) {
		fmt.Println(p.Region, p.Teams)
	}
	// Output:
	// eu [[0] [1]]
	// us [[2] [3]]
}
