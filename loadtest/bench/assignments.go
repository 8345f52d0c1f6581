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
var ticketRates = []int{500, 1000, 2000, 3000}

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
	window := min(max(s.window/4, 2*time.Second), 5*time.Second)
	r := s.result("w4", "tickets at a fixed rate over gRPC, seats reserved on a game server", window)
	best := 0.0
	for _, rate := range ticketRates {
		a, err := s.assignAt(ctx, rate, window)
		if err != nil {
			return nil, err
		}
		done := float64(a.assigned) / a.span.Seconds()
		name := fmt.Sprintf("at %d tickets/s", rate)
		r.Facts = append(
			r.Facts,
			fact{Name: name, Unit: "assignments/s", Runs: []float64{done}, About: fmt.Sprintf("%d of %d tickets", a.assigned, a.tickets)},
			fact{Name: "", Unit: "ms wait p50", Runs: []float64{float64(a.waits.ValueAtQuantile(50)) / 1000}},
			fact{Name: "", Unit: "ms wait p99", Runs: []float64{float64(a.waits.ValueAtQuantile(99)) / 1000}},
			fact{Name: "", Unit: "cores of the matchmaker", Runs: []float64{a.cpu.Seconds() / a.span.Seconds()}},
		)
		best = max(best, done)
		if float64(a.assigned) < 0.99*float64(a.tickets) {
			break
		}
	}
	r.Marks = []mark{atLeast("assignments a second", best, 2000)}
	r.Notes = append(r.Notes, "here the matchmaker has a core of its own; game server and tickets share the other")
	return r, nil
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
