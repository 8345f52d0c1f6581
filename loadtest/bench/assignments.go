//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/HdrHistogram/hdrhistogram-go"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"

	"tactus/loadtest/workload"
)

// W4: rates of tickets that are tried one after the other, a second.
var ticketRates = []int{1000, 2000, 2500, 3000}

// assigning is what one rate has shown.
type assigning struct {
	tickets, assigned, failed int
	waits                     *hdrhistogram.Histogram // microseconds from when the ticket was due
	cpu                       time.Duration           // of the matchmaker
	span                      time.Duration
}

// assignments measures the matchmaker: tickets come at a fixed rate, whether
// those before were served or not, and each ends with a seat reserved on a game
// server.
func (s *suite) assignments(ctx context.Context) (*result, error) {
	window := max(s.window/8, 2*time.Second)
	r := s.result("w4", "tickets at a fixed rate over gRPC, seats reserved on a game server", window)
	best := 0.0
	for _, rate := range ticketRates {
		all := make([]*assigning, 0, s.repeats)
		for range s.repeats {
			a, err := s.assignAt(ctx, rate, window)
			if err != nil {
				return nil, err
			}
			all = append(all, a)
		}
		line, keptUp := assignedAt(rate, all)
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

// assignedAt sums up the runs at one rate, and whether it was kept up.
func assignedAt(rate int, runs []*assigning) (line fact, keptUp bool) {
	var p50, p99, cores []float64
	tickets, done := 0, 0
	line = fact{Name: fmt.Sprintf("at %d tickets/s", rate), Unit: "assignments/s"}
	for _, a := range runs {
		line.Runs = append(line.Runs, float64(a.assigned)/a.span.Seconds())
		p50 = append(p50, float64(a.waits.ValueAtQuantile(50))/1000)
		p99 = append(p99, float64(a.waits.ValueAtQuantile(99))/1000)
		cores = append(cores, a.cpu.Seconds()/a.span.Seconds())
		tickets, done = tickets+a.tickets, done+a.assigned
	}
	line.About = fmt.Sprintf("wait p50 %s ms, p99 %s ms; %s cores of the matchmaker; %d of %d tickets", number(median(p50)),
		number(median(p99)), number(median(cores)), done, tickets)
	return line, float64(done) >= 0.99*float64(tickets) && median(p99) <= 1000
}

// straggle is how long a ticket may take.
const straggle = 10 * time.Second

func (s *suite) assignAt(ctx context.Context, rate int, window time.Duration) (*assigning, error) {
	s.say("matchmaker, %d tickets/s, %v", rate, window)
	seats := strconv.Itoa(rate * 60)
	t, err := startTactus(ctx, pins{server: s.pins.load, load: s.pins.server}, "--max-players", seats, "--max-matches", seats)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	conn, err := grpc.NewClient(t.internal, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	a := &assigning{waits: hdrhistogram.New(1, int64(2*straggle/time.Microsecond), 3)}
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

// openLoop lets tickets in on a schedule that waits for nobody.
func (a *assigning) openLoop(ctx context.Context, client matchmakerv1.MatchmakerServiceClient, rate int, window time.Duration) {
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
			err := assigned(ctx, client, i)
			wait := time.Since(due).Microseconds()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				a.failed++
				return
			}
			a.assigned++
			_ = a.waits.RecordValue(min(wait, a.waits.HighestTrackableValue()))
		})
	}
	wg.Wait()
}

// assigned takes one ticket to its end.
func assigned(ctx context.Context, client matchmakerv1.MatchmakerServiceClient, i int) error {
	ctx, cancel := context.WithTimeout(ctx, straggle)
	defer cancel()
	ticket, err := client.CreateTicket(ctx, &matchmakerv1.CreateTicketRequest{
		Game: workload.RoomsGame, Mode: workload.ModeIdle, PlayerName: fmt.Sprintf("ticket-%d", i+1),
	})
	if err != nil {
		return err
	}
	stream, err := client.WatchTicket(ctx, &matchmakerv1.WatchTicketRequest{TicketId: ticket.GetTicketId()})
	if err != nil {
		return err
	}
	for {
		news, err := stream.Recv()
		if err != nil {
			return err
		}
		switch news.GetState() {
		case matchmakerv1.WatchTicketResponse_STATE_ASSIGNED:
			return nil
		case matchmakerv1.WatchTicketResponse_STATE_ENDED:
			return errors.New(news.GetMessage())
		default:
		}
	}
}
