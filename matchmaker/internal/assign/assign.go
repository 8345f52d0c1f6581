// Package assign reserves seats for found matches. An [Assigner] sends the reservation
// request to the game server, and makes the assignments with their join tokens when the
// server has confirmed. It frees the seats of tickets that have ended meanwhile.
package assign

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"tactus/internal/millis"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/seal"
	"tactus/matchmaker/internal/ticket"
	"tactus/protocol/jointoken"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Fleet sends requests to game servers.
type Fleet interface {
	Reserve(serverID string, r *fleetv1.Reserve) (fleet.Wait, error)
	Release(serverID string, r *fleetv1.Release)
	PlayURL(serverID string) (url string, follows bool)
	// IssueTime is the time of a join token for the player that is made now.
	IssueTime(player string) int64
}

// Signer signs join tokens.
type Signer interface {
	Mint(claims jointoken.Claims) (string, error)
}

// Config configures an [Assigner]. All fields are required.
type Config struct {
	// Seal returns the seal of a seat, nil for none.
	Seal      func(seal.Seat) []byte
	Timeout   time.Duration // for a server's answer
	HoldSeats time.Duration // until the player comes; join tokens live as long
	HoldRoom  time.Duration // for the first player of a private room
	// Answered is called with the outcome of each reservation and its duration.
	Answered func(outcome string, took time.Duration)
	// PublicID returns the id under which players see a player.
	PublicID func(player string) string
}

// Assigner reserves seats. It is safe for concurrent use.
type Assigner struct {
	cfg    Config
	fleet  Fleet
	signer Signer
}

// New makes an assigner.
func New(cfg Config, f Fleet, signer Signer) *Assigner {
	return &Assigner{cfg: cfg, fleet: f, signer: signer}
}

// Proposal is a found match: tickets for one match of one server.
type Proposal struct {
	Key     ticket.Key
	Server  string
	Match   string
	Create  bool
	Tickets []*ticket.Ticket
	Teams   []int32 // by ticket; -1: the game decides

	Queue        string // empty for quick play
	RulesVersion string
	Term         uint64 // of the queue's owner
	Backfill     bool
	Rated        bool                 // the result changes ratings
	Leave        *fleetv1.LeavePolicy // nil: leaving costs nothing
}

// Refusal is the error for seats that a server refuses, or that would come too late.
type Refusal struct {
	Reason string // as in fleet.proto, late, or ending
}

func (r *Refusal) Error() string { return "no seats: " + r.Reason }

// Asked is a proposal after its reservation request is sent.
type Asked struct {
	assigner *Assigner
	proposal Proposal
	request  *fleetv1.Reserve
	url      string
	began    time.Time
	wait     fleet.Wait
	slots    []uint32 // as granted
}

// Ask sends the reservation request without waiting for the answer. From now on the
// fleet counts the seats as taken.
func (a *Assigner) Ask(p Proposal) (*Asked, error) {
	request := &fleetv1.Reserve{
		RequestId: rand.Text(), MatchId: p.Match, Create: p.Create, Game: p.Key.Game, Mode: p.Key.Mode,
		HoldMs: millis.Of(a.cfg.HoldSeats),
		Queue:  p.Queue, RulesVersion: p.RulesVersion, Term: p.Term, Backfill: p.Backfill, Rated: p.Rated, Leave: p.Leave,
	}
	for i, t := range p.Tickets {
		for _, m := range t.Members {
			seat := &fleetv1.Seat{
				PlayerId: m.Player, PlayerName: m.Name, Team: p.Teams[i], Reservation: rand.Text(), Skill: m.Skill,
				IssuedUnixMs: a.fleet.IssueTime(m.Player),
			}
			if public := a.cfg.PublicID(m.Player); public != m.Player {
				seat.PublicId = public
			}
			request.Seats = append(request.Seats, seat)
		}
	}
	return a.send(p, request)
}

func (a *Assigner) send(p Proposal, request *fleetv1.Reserve) (*Asked, error) {
	url, _ := a.fleet.PlayURL(p.Server)
	asked := &Asked{assigner: a, proposal: p, request: request, url: url, began: time.Now()}
	wait, err := a.fleet.Reserve(p.Server, request)
	if err != nil {
		a.cfg.Answered("unreachable", 0)
		return nil, err
	}
	asked.wait = wait
	return asked, nil
}

// ID is the ID of the request.
func (q *Asked) ID() string { return q.request.GetRequestId() }

// Seats waits for the answer. It returns the assignments of each ticket, by member. With
// an error no seat is reserved.
func (q *Asked) Seats(ctx context.Context) ([][]ticket.Assignment, error) {
	result, err := q.answer(ctx)
	if err != nil {
		return nil, err
	}
	q.slots = result.GetSlots()
	all := make([][]ticket.Assignment, len(q.proposal.Tickets))
	seat := 0
	for i, t := range q.proposal.Tickets {
		for _, m := range t.Members {
			a, err := q.assignment(t, m, q.request.GetSeats()[seat], result.GetSlots()[seat])
			if err != nil {
				q.release(q.reservations())
				return nil, err
			}
			all[i] = append(all[i], a)
			seat++
		}
	}
	return all, nil
}

// answer waits for a confirmation that is complete.
func (q *Asked) answer(ctx context.Context) (*fleetv1.ReserveResult, error) {
	a := q.assigner
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	result, err := q.wait(ctx)
	outcome := "ok"
	switch {
	case err != nil:
		outcome = "no_answer"
	case !result.GetOk():
		outcome, err = "refused", &Refusal{Reason: result.GetReason()}
	case len(result.GetSlots()) != len(q.request.GetSeats()):
		outcome = "bad_answer"
		err = fmt.Errorf("the game server gave %d slots for %d seats", len(result.GetSlots()), len(q.request.GetSeats()))
		q.release(q.reservations())
	}
	a.cfg.Answered(outcome, time.Since(q.began))
	return result, err
}

// Confirm requests granted seats again, some time later, for the tickets with keep. An
// error means that the seats are lost, or will be before the players come: then no
// player may get an assignment.
func (q *Asked) Confirm(ctx context.Context, keep []bool) error {
	if time.Since(q.began) > q.assigner.cfg.HoldSeats/2 {
		return &Refusal{Reason: reasonLate}
	}
	p := q.proposal
	p.Create, p.Tickets, p.Teams = false, nil, nil
	request := proto.CloneOf(q.request)
	request.RequestId, request.Create, request.Seats = rand.Text(), false, nil
	var slots []uint32
	seat := 0
	for i, t := range q.proposal.Tickets {
		for range t.Members {
			if keep[i] {
				request.Seats = append(request.Seats, q.request.GetSeats()[seat])
				slots = append(slots, q.slots[seat])
			}
			seat++
		}
	}
	again, err := q.assigner.send(p, request)
	if err != nil {
		return err
	}
	result, err := again.answer(ctx)
	if err == nil && !slices.Equal(result.GetSlots(), slots) {
		again.release(again.reservations())
		err = &Refusal{Reason: reasonLate} // other seats: the tokens do not fit
	}
	return err
}

// reasonLate refuses seats that were granted too long ago.
const reasonLate = "late"

func (q *Asked) reservations() []string {
	var list []string
	for _, seat := range q.request.GetSeats() {
		list = append(list, seat.GetReservation())
	}
	return list
}

// Release frees the seats of the tickets without keep.
func (q *Asked) Release(keep []bool) {
	var list []string
	seat := 0
	for i, t := range q.proposal.Tickets {
		for range t.Members {
			if !keep[i] {
				list = append(list, q.request.GetSeats()[seat].GetReservation())
			}
			seat++
		}
	}
	if len(list) > 0 {
		q.release(list)
	}
}

// GiveBack frees the seats of assignments that no player has received. A seat that was
// claimed all the same stays.
func (a *Assigner) GiveBack(unheard []ticket.Assignment) {
	for _, u := range unheard {
		a.fleet.Release(u.Server, &fleetv1.Release{MatchId: u.Match, Reservations: []string{u.Reservation}})
	}
}

func (q *Asked) release(reservations []string) {
	q.assigner.fleet.Release(q.proposal.Server, &fleetv1.Release{MatchId: q.request.GetMatchId(), Reservations: reservations})
}

func (q *Asked) assignment(t *ticket.Ticket, m ticket.Member, seat *fleetv1.Seat, slot uint32) (ticket.Assignment, error) {
	a := q.assigner
	// The server began to hold the seat after the request, so not before began.
	expires := q.began.Add(a.cfg.HoldSeats)
	token, err := a.signer.Mint(jointoken.Claims{
		Player: m.Player, Name: m.Name, Match: q.request.GetMatchId(), Server: q.proposal.Server,
		Game: t.Key.Game, Mode: t.Key.Mode, Slot: slot, ID: seat.GetReservation(), Expires: wholeSecond(expires),
		Seal: string(q.seal(t, m, seat)),
	})
	return ticket.Assignment{
		Match: q.request.GetMatchId(), Server: q.proposal.Server, URL: q.url, Token: token, Game: t.Key.Game, Mode: t.Key.Mode, Room: t.Room,
		Queue: t.Queue, RulesVersion: q.proposal.RulesVersion, Team: seat.GetTeam(), Expires: expires,
		Reservation: seat.GetReservation(),
	}, err
}

// seal is the proof that the player was seated for a rated match. A player that chose
// the match gets none, so that no player picks their opponents: private rooms, and
// open matches that are joined by id.
func (q *Asked) seal(t *ticket.Ticket, m ticket.Member, seat *fleetv1.Seat) []byte {
	if t.Room != "" || t.Match != "" {
		return nil
	}
	return q.assigner.cfg.Seal(seal.Seat{
		Match: q.request.GetMatchId(), Server: q.proposal.Server, Team: seat.GetTeam(), Player: m.Player,
		Queue: seal.QueueOf(q.request.GetQueue(), q.request.GetGame(), q.request.GetMode()),
	})
}

// wholeSecond rounds up to seconds: tokens have no fractions, and a token must not
// expire before its seat is free.
func wholeSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

// OpenPrivate opens a private match on a server.
func (a *Assigner) OpenPrivate(ctx context.Context, k ticket.Key, server, match string, options []*matchmakerv1.Option) error {
	request := &fleetv1.Reserve{
		RequestId: rand.Text(),
		MatchId:   match,
		Create:    true,
		Game:      k.Game,
		Mode:      k.Mode,
		Private:   true,
		Options:   options,
		HoldMs:    millis.Of(a.cfg.HoldRoom),
	}
	asked, err := a.send(Proposal{Key: k, Server: server, Match: request.GetMatchId(), Create: true}, request)
	if err != nil {
		return err
	}
	_, err = asked.answer(ctx)
	return err
}
