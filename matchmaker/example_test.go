package matchmaker_test

import (
	"context"
	"fmt"

	"tactus/matchmaker"
	"tactus/matchmaker/matchfunc"
)

// The zero Config works: quick play and rooms for all game servers that
// connect, with a store in the process.
func ExampleNew() {
	m, err := matchmaker.New(matchmaker.Config{InternalAddr: "127.0.0.1:0"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	<-m.Ready()
	fmt.Println("ready")

	stop()
	fmt.Println("ended:", <-ended)
	// Output:
	// ready
	// ended: <nil>
}

// A queue names a match function in its rules (function: pairs). The matchmaker
// calls it with the groups that wait and the servers that have room.
func ExampleConfig_matchFunctions() {
	pairs := func(groups []*matchfunc.Group, s matchfunc.State) (proposals []matchfunc.Proposal) {
		for i := 0; i+1 < len(groups); i += 2 {
			proposals = append(proposals, matchfunc.Proposal{
				Region: s.Capacities[0].Region, Version: s.Capacities[0].Version, Teams: [][]int{{i}, {i + 1}}, Quality: 1,
			})
		}
		return proposals
	}
	config := matchmaker.Config{
		InternalAddr: "127.0.0.1:0",
		Functions:    map[string]matchfunc.Func{"pairs": pairs},
	}
	if _, err := matchmaker.New(config, nil); err != nil {
		fmt.Println(err)
		return
	}

	waiting := []*matchfunc.Group{{}, {}, {}}
	fleet := matchfunc.State{Capacities: []matchfunc.Capacity{{Region: "eu", Version: "1", Matches: 8}}}
	for _, p := range pairs(waiting, fleet) {
		fmt.Println(p.Region, p.Teams)
	}
	// Output: eu [[0] [1]]
}
