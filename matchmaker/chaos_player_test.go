//go:build unix

package matchmaker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// team is one or more players who search together, play, and search again.
type team struct {
	run     *chaos
	queue   string
	players []string
	rand    *rand.Rand
	tickets int
}

// How a good client behaves.
const (
	askTimeout    = 8 * time.Second
	retryPause    = 100 * time.Millisecond
	createFor     = 25 * time.Second // tries, before it gives up
	matchSeconds  = 5
	matchPatience = 60 * time.Second
	lastCall      = 2 * time.Second // to find a match, when nobody comes any more
)

// live searches and plays until stop ends.
func (p *team) live(stop context.Context) {
	pause(stop, p.draw(3*time.Second))
	for stop.Err() == nil {
		p.round(stop)
		pause(stop, p.draw(1500*time.Millisecond))
	}
}

func (p *team) draw(most time.Duration) time.Duration { return rand.N(most) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// round is one ticket and what follows from it.
func (p *team) round(stop context.Context) {
	handles := p.create(stop)
	if handles == nil {
		return
	}
	ended, over := context.WithCancel(context.Background())
	cancelled := p.mayCancel(stop, ended, handles[0])
	ends := make([]ending, len(handles))
	var searching, members sync.WaitGroup
	searching.Add(len(handles))
	for i, handle := range handles {
		decline := i == 0 && p.rand.IntN(30) == 0
		members.Go(func() {
			e, ok := p.watch(handle, decline)
			searching.Done()
			if !ok {
				return
			}
			ends[i] = e
			p.run.ledger.ticketEnded(handle, e)
			p.run.asking.Go(func() { p.askAgain(handle) })
			if e.token != "" {
				p.play(p.players[i], e)
			}
		})
	}
	searching.Wait()
	over()
	members.Wait()
	if reason := <-cancelled; reason != 0 && ends[0].reason != 0 && reason != ends[0].reason {
		p.run.ledger.violation("ticket %s ended by %v, its cancellation was answered with %v", handles[0], ends[0].reason, reason)
	}
	for _, e := range ends[1:] {
		if e.match != ends[0].match && e.reason != 0 && ends[0].reason != 0 {
			p.run.ledger.violation("the party %v was split: %v and %v", p.players, ends[0], e)
		}
	}
}

// create makes a ticket and returns the handles of all members, nil if that
// could not be done.
func (p *team) create(stop context.Context) []string {
	p.tickets++
	req := &matchmakerv1.CreateTicketRequest{Queue: p.queue, RequestId: fmt.Sprintf("%s-%d", p.players[0], p.tickets)}
	for _, id := range p.players {
		req.Players = append(req.Players, &matchmakerv1.Player{PlayerId: id, PlayerName: id})
	}
	for deadline := time.Now().Add(createFor); time.Now().Before(deadline) && stop.Err() == nil; time.Sleep(retryPause) {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		res, err := p.run.client.CreateTicket(ctx, req)
		cancel()
		switch {
		case err == nil:
			for range res.GetMemberTickets() {
				p.run.ledger.ticketCreated()
			}
			return res.GetMemberTickets()
		case !passes(err):
			p.run.ledger.violation("a ticket of %v in %s was refused: %v", p.players, p.queue, err)
			return nil
		}
	}
	return nil
}

// passes reports whether trying again can help. Players decline now and then, and have to
// wait for it.
func passes(err error) bool {
	if info, _, _ := details(err); info.GetReason() == "COOLDOWN" {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Canceled:
		return true
	}
	return false
}

// mayCancel cancels some tickets soon, and in the end all that still search. The
// channel gives the answer, 0 for none.
func (p *team) mayCancel(stop, ended context.Context, handle string) <-chan matchmakerv1.EndReason {
	answer := make(chan matchmakerv1.EndReason, 1)
	soon, after := p.rand.IntN(25) == 0, p.draw(600*time.Millisecond)
	p.run.asking.Go(func() {
		if soon {
			pause(stop, after)
		} else {
			select {
			case <-ended.Done():
				answer <- 0
				return
			case <-stop.Done():
				pause(ended, lastCall)
			}
		}
		for range 100 {
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			res, err := p.run.client.CancelTicket(ctx, &matchmakerv1.CancelTicketRequest{TicketId: handle})
			cancel()
			if err == nil {
				answer <- res.GetReason()
				return
			}
			if !passes(err) {
				p.run.ledger.violation("ticket %s can't be cancelled: %v", handle, err)
				break
			}
			time.Sleep(retryPause)
		}
		answer <- 0
	})
	return answer
}

// watch waits for the end of a ticket, at any replica. It accepts proposed matches
// unless decline is set.
func (p *team) watch(handle string, decline bool) (ending, bool) {
	deadline := time.Now().Add(expiry + 40*time.Second)
	for time.Now().Before(deadline) {
		last, err := p.watchOnce(handle, decline, deadline)
		switch {
		case err == nil:
			return endingOf(last), true
		case !passes(err):
			p.run.ledger.violation("ticket %s of %v is lost: %v", handle, p.players, err)
			return ending{}, false
		}
		time.Sleep(retryPause)
	}
	p.run.ledger.violation("ticket %s of %v has no end %v after its expiry", handle, p.players, time.Since(deadline)+40*time.Second)
	return ending{}, false
}

// watchOnce watches until the ticket has ended or the stream broke.
func (p *team) watchOnce(handle string, decline bool, deadline time.Time) (*matchmakerv1.WatchTicketResponse, error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	stream, err := p.run.client.WatchTicket(ctx, &matchmakerv1.WatchTicketRequest{TicketId: handle})
	if err != nil {
		return nil, err
	}
	for {
		now, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, status.Error(codes.Unavailable, "the stream ended without an end of the ticket")
		}
		if err != nil {
			return nil, err
		}
		switch now.GetState() {
		case matchmakerv1.WatchTicketResponse_STATE_ASSIGNED, matchmakerv1.WatchTicketResponse_STATE_ENDED:
			return now, nil
		case matchmakerv1.WatchTicketResponse_STATE_PROPOSED:
			if proposal := now.GetProposal(); !proposal.GetAcceptedByYou() {
				// What goes wrong with it is shown by the next message, or by the
				// next proposal.
				_, _ = p.run.client.AcceptMatch(ctx, &matchmakerv1.AcceptMatchRequest{
					TicketId: handle, MatchId: proposal.GetMatchId(), Accept: !decline,
				})
			}
		}
	}
}

// askAgain wants the same answer for every caller.
func (p *team) askAgain(handle string) {
	for range 3 {
		if e, ok := p.watch(handle, false); ok {
			p.run.ledger.ticketEnded(handle, e)
		}
	}
}

// play joins the match and stays until it is over or lost for good.
func (p *team) play(player string, e ending) {
	l := p.run.ledger
	ended := time.Now()
	server := p.run.serverAt(e.url)
	socket, w, err := p.join(e)
	if err != nil {
		if l.diedIn(server, ended.Add(-30*time.Second), time.Now()) {
			l.count(&l.refused)
		} else {
			l.violation("%s has no seat in match %s at %s, which lives: %v", player, e.match, server, err)
		}
		return
	}
	s := &visit{player: player, match: e.match, slot: uint16(w.Slot)}
	if w.Match != e.match || w.Player != player {
		l.violation("%s was assigned to match %s and plays as %s in %s", player, e.match, w.Player, w.Match)
	}
	l.enter(s)
	defer l.leave(s)
	r, socket, err := p.playOn(socket, e.url, w.Resume)
	if socket != nil {
		defer socket.leave()
	}
	switch {
	case r != nil:
		l.over(p.finished(e, server, r))
	case l.diedIn(server, ended.Add(-30*time.Second), time.Now()):
		l.count(&l.lost)
	default:
		l.violation("%s lost match %s at %s, which lives: %v", player, e.match, server, err)
	}
}

// join claims the seat. A server that can't be reached is tried again.
func (p *team) join(e ending) (socket *gameSocket, w protocol.Welcome, err error) {
	for range 10 {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		socket, w, err = openSocket(ctx, e.url, protocol.Hello{Token: e.token, Client: "chaos"})
		cancel()
		if err == nil || codeOf(err) != 0 {
			return socket, w, err
		}
		time.Sleep(retryPause)
	}
	return socket, w, err
}

// playOn plays to the end, and comes back to the seat when the connection is lost.
func (p *team) playOn(socket *gameSocket, url, resume string) (*protocol.Result, *gameSocket, error) {
	until := time.Now().Add(matchPatience)
	for {
		r, err := socket.result(until)
		if err == nil || errors.Is(err, errNeverOver) {
			return r, socket, err
		}
		_ = socket.conn.Close()
		if code := codeOf(err); code != 0 && !code.Reconnect() {
			return nil, nil, err
		}
		var back *gameSocket
		for range 20 {
			var w protocol.Welcome
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			var failed error
			back, w, failed = openSocket(ctx, url, protocol.Hello{Resume: resume, Client: "chaos"})
			cancel()
			if failed == nil {
				resume = w.Resume
				break
			}
			if code := codeOf(failed); code != 0 {
				return nil, nil, fmt.Errorf("%w, then %w", err, failed)
			}
			time.Sleep(retryPause)
		}
		if back == nil {
			return nil, nil, err
		}
		socket = back
	}
}

func (p *team) finished(e ending, server string, r *protocol.Result) *finished {
	f := &finished{match: e.match, queue: p.queue, server: server, at: time.Now()}
	sides := make(map[int32]bool)
	for _, entry := range r.Results {
		if entry.Bot {
			continue
		}
		f.players = append(f.players, entry.Name)
		side := entry.Team
		if side < 0 {
			side = -1 - int32(entry.Slot)
		}
		sides[side] = true
	}
	f.rated = len(sides) > 1
	return f
}

// wsAddress is the host and port of a server's URL.
func wsAddress(url string) string {
	address, _, _ := strings.Cut(strings.TrimPrefix(url, "ws://"), "/")
	return address
}
