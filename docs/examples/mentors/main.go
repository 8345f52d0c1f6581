// Command mentors is Tactus with a match function of its own.
package main

import (
	"cmp"
	"slices"

	tactuscmd "tactus/cmd"
	"tactus/game"
	"tactus/game/arena"
	"tactus/matchmaker/matchfunc"
)

func main() {
	tactuscmd.Program{
		Games:          []game.Game{arena.Game},
		MatchFunctions: map[string]matchfunc.Func{"mentors": mentors},
	}.Main()
}

// mentors lets the best player of those who wait meet the weakest, the second
// best the second weakest, and so on.
func mentors(groups []*matchfunc.Group, s matchfunc.State) []matchfunc.Proposal {
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Compare(groups[a].Players[0].Skill, groups[b].Players[0].Skill)
	})
	var proposals []matchfunc.Proposal
	for _, capacity := range s.Capacities { // regions and versions that have room
		for range capacity.Matches {
			if len(order) < 2 {
				return proposals
			}
			weakest, best := order[0], order[len(order)-1]
			order = order[1 : len(order)-1]
			proposals = append(proposals, matchfunc.Proposal{
				Region: capacity.Region, Version: capacity.Version, Teams: [][]int{{best}, {weakest}}, Quality: 1,
			})
		}
	}
	return proposals
}
