// Command go-matchmaker is a back end that searches for its players over the
// matchmaker's internal port: one party, named by id, over as many replicas as
// there are.
//
//	go run ./docs/examples/go-matchmaker --addr 10.0.0.5:8090,10.0.0.6:8090 --queue ranked --players p-1,p-2
//
// It prints one JSON line per player: where to play, or why not.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func main() {
	os.Exit(run())
}

// run is main with an exit code.
func run() int {
	addr := flag.String("addr", "127.0.0.1:8090", "internal ports of the matchmakers, separated by commas; or one name in DNS, as dns:///tactus:8090")
	queue := flag.String("queue", "", "queue; empty: that of game and mode")
	game := flag.String("game", "", "game")
	mode := flag.String("mode", "", "mode")
	players := flag.String("players", "", "ids of the party's players, separated by commas")
	timeout := flag.Duration("timeout", 2*time.Minute, "for the whole search")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()

	request := &matchmakerv1.CreateTicketRequest{Queue: *queue, Game: *game, Mode: *mode}
	for id := range strings.SplitSeq(*players, ",") {
		request.Players = append(request.Players, &matchmakerv1.Player{PlayerId: id})
	}
	if err := play(ctx, *addr, request); err != nil {
		fmt.Fprintln(os.Stderr, explain(err))
		return 1
	}
	return 0
}

// place is what a player is told.
type place struct {
	Player string `json:"player"`
	URL    string `json:"url,omitempty"`
	Token  string `json:"token,omitempty"`
	Match  string `json:"match,omitempty"`
	Team   int32  `json:"team"`
	Reason string `json:"reason"`
}

func play(ctx context.Context, addr string, request *matchmakerv1.CreateTicketRequest) error {
	client, err := dial(addr)
	if err != nil {
		return err
	}
	defer client.close()
	tickets, err := client.search(ctx, request)
	if err != nil {
		return err
	}
	// Each ticket lives as long as somebody watches it.
	var group errgroup.Group
	ended := make([]*matchmakerv1.WatchTicketResponse, len(tickets))
	for i, ticket := range tickets {
		group.Go(func() (err error) {
			ended[i], err = client.wait(ctx, ticket)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for i, last := range ended {
		a := last.GetAssignment()
		if err := out.Encode(place{
			Player: request.GetPlayers()[i].GetPlayerId(), URL: a.GetUrl(), Token: a.GetJoinToken(), Match: a.GetMatchId(), Team: a.GetTeam(),
			Reason: strings.TrimPrefix(last.GetReason().String(), "END_REASON_"),
		}); err != nil {
			return err
		}
	}
	return nil
}
