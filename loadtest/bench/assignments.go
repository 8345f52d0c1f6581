//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/HdrHistogram/hdrhistogram-go"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"

	"tactus/loadtest/workload"
)

// W4: tickets a second that are tried, one rate after the other.
var ticketRates = []int{1000, 2000, 2200, 2500, 3000}

const (
	assignedQueue  = "w4"
	assignedRegion = "eu"
	// assignedRules ask for matches of 8 to 16 players in two teams, of similar skill
	// and near the server. They relax with waiting time.
	assignedRules = `
queue: ` + assignedQueue + `
game: ` + workload.RoomsGame + `
mode: ` + workload.ModeIdle + `
teams: {count: 2, min: 4, max: 8}
party: {max: 2}
skill: {distance: 250, relax: [{after: 200ms, distance: 500}, {after: 1s, distance: 3000}]}
latency: {max: 80ms, relax: [{after: 200ms, max: 1s}]}
`
)

// ticketRun is the result of one rate.
type ticketRun struct {
	tickets, assigned, failed int
	players                   int                     // of tickets in the window
	skills                    map[string][]float64    // of the tickets of each match
	waits                     *hdrhistogram.Histogram // microseconds from when the ticket was due
	// cpu is the CPU time that the matchmaker used.
	cpu      time.Duration
	inWindow int // tickets assigned within the window
	window   time.Duration
	span     time.Duration // until the last ticket has ended
}

// assignments measures the matchmaker. Tickets arrive at a fixed rate that does not
// depend on earlier ones, and each ends with a seat reserved on a game server.
func (s *suite) assignments(ctx context.Context) (*result, error) {
	window := max(s.window/2, 3*time.Second)
	r := s.result("w4", "tickets with skill, parties and latency at a fixed rate over gRPC, matched by rules, seats reserved on a game server", window)
	best := 0.0
	for _, rate := range ticketRates {
		all := make([]*ticketRun, 0, s.repeats)
		for range s.repeats {
			a, err := s.measureTickets(ctx, rate, window)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
		line, keptUp := summarizeTickets(rate, all)
		r.Facts = append(r.Facts, line)
		if !keptUp {
			break
		}
		best = max(best, median(line.Runs))
	}
	r.Marks = []mark{atLeast("assignments a second", best, 2000)}
	r.Notes = append(
		r.Notes, "here the matchmaker has a core of its own; game server and tickets share the other",
		"a rate is kept up when at least 99 % of the tickets end with a seat and the p99 wait is at most a second; the first that is not is the last",
	)
	return r, nil
}

// summarizeTickets sums up the runs at one rate, and reports whether it was kept up.
func summarizeTickets(rate int, runs []*ticketRun) (line fact, keptUp bool) {
	var p50, p99, cores, players []float64
	tickets, done := 0, 0
	line = fact{Name: fmt.Sprintf("at %d tickets/s", rate), Unit: "assignments/s"}
	for _, a := range runs {
		line.Runs = append(line.Runs, float64(a.inWindow)/a.window.Seconds())
		p50 = append(p50, float64(a.waits.ValueAtQuantile(50))/1000)
		p99 = append(p99, float64(a.waits.ValueAtQuantile(99))/1000)
		players = append(players, float64(a.players)/a.window.Seconds())
		cores = append(cores, a.cpu.Seconds()/a.span.Seconds())
		tickets, done = tickets+a.tickets, done+a.assigned
	}
	line.About = fmt.Sprintf("wait p50 %s ms, p99 %s ms; %s cores of the matchmaker; %d of %d tickets; %s players/s; skill within %s points in half of the matches, %s in nine of ten",
		number(median(p50)), number(median(p99)), number(median(cores)), done, tickets,
		number(median(players)), number(skillSpread(runs, .5)), number(skillSpread(runs, .9)))
	return line, float64(done) >= 0.99*float64(tickets) && median(p99) <= 1000
}

// skillSpread returns the share's quantile of the difference of skills in a match.
func skillSpread(runs []*ticketRun, share float64) float64 {
	var spreads []float64
	for _, a := range runs {
		for _, skills := range a.skills {
			spreads = append(spreads, slices.Max(skills)-slices.Min(skills))
		}
	}
	if len(spreads) == 0 {
		return 0
	}
	slices.Sort(spreads)
	return math.Round(spreads[int(share*float64(len(spreads)-1))])
}

// ticketTimeout bounds the time of one ticket.
const ticketTimeout = 10 * time.Second

func (s *suite) measureTickets(ctx context.Context, rate int, window time.Duration) (*ticketRun, error) {
	s.say("matchmaker, %d tickets/s, %v", rate, window)
	seats := strconv.Itoa(rate * 60)
	rules := filepath.Join(cacheDir, "w4.yaml")
	if err := os.WriteFile(rules, []byte(assignedRules), 0o600); err != nil {
		return nil, err
	}
	t, err := startTactusAs(ctx, pins{server: s.pins.load, load: s.pins.server}, tactusPlan{
		program: program, matchmakerFlags: []string{"--rules", rules},
		flags: []string{"--region", assignedRegion, "--max-players", seats, "--max-matches", seats},
	})
	if err != nil {
		return nil, err
	}
	defer t.stop()
	conn, err := grpc.NewClient(t.internal, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	a := &ticketRun{window: window, skills: make(map[string][]float64), waits: hdrhistogram.New(1, int64(2*ticketTimeout/time.Microsecond), 3)}
	before, err := cpuTime(t.matchmaker.pid())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	a.openLoop(ctx, matchmakerv1.NewMatchmakerServiceClient(conn), rate, window)
	a.span = time.Since(began)
	after, err := cpuTime(t.matchmaker.pid())
	a.cpu = after - before
	return a, errors.Join(err, ctx.Err())
}

// openLoop creates tickets on a schedule that waits for none of them.
func (a *ticketRun) openLoop(ctx context.Context, client matchmakerv1.MatchmakerServiceClient, rate int, window time.Duration) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for i := 0; ; i++ {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if due.Sub(start) >= window || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Until(due))
		a.tickets++
		wg.Go(func() {
			who := newTicketRequest(i)
			match, err := searchMatch(ctx, client, who)
			wait := time.Since(due).Microseconds()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				a.failed++
				return
			}
			a.assigned++
			if time.Since(start) <= window {
				a.inWindow++
				a.players += len(who.players)
			}
			a.skills[match] = append(a.skills[match], who.skill)
			_ = a.waits.RecordValue(min(wait, a.waits.HighestTrackableValue()))
		})
	}
	wg.Wait()
}

// ticketRequest is a ticket's content: a player or a party of two.
type ticketRequest struct {
	skill   float64
	players []*matchmakerv1.Player
	latency uint32 // ms
}

// newTicketRequest draws a ticket. Three of ten are parties, skills are normally
// distributed around 1500, and half of the players are within 35 ms of the server.
func newTicketRequest(i int) ticketRequest {
	r := rand.New(rand.NewPCG(uint64(i), 4))
	s := ticketRequest{skill: 1500 + 300*r.NormFloat64(), latency: uint32(15 + 20*r.ExpFloat64()*1.4)}
	for n := range 1 + r.IntN(10)/7 {
		s.players = append(s.players, &matchmakerv1.Player{
			PlayerId: fmt.Sprintf("p-%d-%d", i, n), PlayerName: fmt.Sprintf("ticket-%d", i), Skill: &s.skill,
		})
	}
	return s
}

// searchMatch creates a ticket, waits for its end and returns the match.
func searchMatch(ctx context.Context, client matchmakerv1.MatchmakerServiceClient, s ticketRequest) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ticketTimeout)
	defer cancel()
	ticket, err := client.CreateTicket(ctx, &matchmakerv1.CreateTicketRequest{
		Queue: assignedQueue, Players: s.players, LatencyMs: map[string]uint32{assignedRegion: s.latency},
	})
	if err != nil {
		return "", err
	}
	stream, err := client.WatchTicket(ctx, &matchmakerv1.WatchTicketRequest{TicketId: ticket.GetTicketId()})
	if err != nil {
		return "", err
	}
	for {
		news, err := stream.Recv()
		if err != nil {
			return "", err
		}
		switch news.GetState() {
		case matchmakerv1.WatchTicketResponse_STATE_ASSIGNED:
			return news.GetAssignment().GetMatchId(), nil
		case matchmakerv1.WatchTicketResponse_STATE_ENDED:
			return "", errors.New(news.GetMessage())
		default:
		}
	}
}
