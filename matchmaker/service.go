package matchmaker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/ticket"
	"tactus/protocol/jointoken"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	maxShortString = 64
	maxOptions     = 16
	maxListed      = 100
	roomServers    = 5 // servers asked for a room before giving up
	codeDraws      = 10
)

// service answers players. It is the one implementation behind native gRPC and
// the browser's handlers; its errors are gRPC statuses.
type service struct {
	matchmakerv1.UnimplementedMatchmakerServiceServer

	mm       *Matchmaker
	fleet    *fleet.Registry
	tickets  *ticket.Memory
	queues   *queue.Set
	assigner *assign.Assigner
	signer   *jointoken.Signer
	limits   *limits
}

func newService(m *Matchmaker, signer *jointoken.Signer) *service {
	return &service{
		mm: m, fleet: m.fleet, tickets: m.tickets, queues: m.queues, assigner: m.assigner,
		signer: signer, limits: newLimits(m.cfg.Rates, m.metrics),
	}
}

func (s *service) CreateTicket(ctx context.Context, req *matchmakerv1.CreateTicketRequest) (*matchmakerv1.CreateTicketResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	address := clientAddress(ctx)
	if err := s.limits.ticket(address); err != nil {
		return nil, err
	}
	if err := checkStrings(req.GetGame(), req.GetMode(), req.GetVersion(), req.GetRoomCode(), req.GetMatchId()); err != nil {
		return nil, err
	}
	who, err := identify(s.signer, req.GetGuestToken(), req.GetPlayerName())
	if err != nil {
		return nil, err
	}
	if req.GetGuestToken() != "" { // a new guest has not asked before
		if err := s.limits.player(who.player, address); err != nil {
			return nil, err
		}
	}
	t := &ticket.Ticket{
		ID: "t-" + strings.ToLower(rand.Text()), Player: who.player, Name: who.name,
		Version: req.GetVersion(), Created: time.Now(),
	}
	hopeless, err := s.aim(t, req, address)
	if err != nil {
		return nil, err
	}
	if err := s.tickets.Create(t); err != nil {
		return nil, storeError(err)
	}
	s.mm.metrics.ticketCreated(t.Key)
	if hopeless != "" {
		s.tickets.Finish(t.ID, ticket.EndedBy(matchmakerv1.EndReason_END_REASON_UNMATCHABLE, hopeless))
	} else {
		s.queues.Add(t)
	}
	return &matchmakerv1.CreateTicketResponse{
		TicketId: t.ID, PlayerId: t.Player, PlayerName: t.Name, GuestToken: who.token,
	}, nil
}

// aim finds the queue of a ticket and the match it wants, if any. hopeless is a
// sentence when that match can't be joined.
func (s *service) aim(t *ticket.Ticket, req *matchmakerv1.CreateTicketRequest, address string) (hopeless string, err error) {
	switch {
	case req.GetRoomCode() != "":
		if err := s.limits.code(address); err != nil {
			return "", err
		}
		code, ok := room.Parse(req.GetRoomCode())
		if !ok {
			return "There is no room with this code.", nil
		}
		t.Room, t.Match = code, room.MatchID(code)
		found, ok := s.fleet.Find(t.Match)
		if !ok {
			return "There is no room with this code (any more).", nil
		}
		return s.aimAt(t, found, "This room is full."), nil
	case req.GetMatchId() != "":
		t.Match = req.GetMatchId()
		found, ok := s.fleet.Find(t.Match)
		if !ok || found.Private || !found.Open {
			return "This match has ended or is not open.", nil
		}
		return s.aimAt(t, found, "This match is full."), nil
	}
	t.Key, err = s.resolve(req.GetGame(), req.GetMode())
	return "", err
}

func (s *service) aimAt(t *ticket.Ticket, found fleet.Found, full string) (hopeless string) {
	t.Key = found.Key
	switch {
	case t.Version != "" && t.Version != found.Version:
		return fmt.Sprintf("This match runs version %s of the game, yours is %s. Reload the page.", found.Version, t.Version)
	case found.Free <= 0:
		return full
	}
	return ""
}

func (s *service) resolve(game, mode string) (ticket.Key, error) {
	k, err := s.fleet.Resolve(game, mode)
	switch {
	case errors.Is(err, fleet.ErrNoServer):
		return k, status.Error(codes.Unavailable, err.Error())
	case err != nil:
		return k, status.Error(codes.InvalidArgument, err.Error())
	}
	return k, nil
}

func (s *service) WatchTicket(req *matchmakerv1.WatchTicketRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchTicketResponse]) error {
	return s.watch(stream.Context(), req.GetTicketId(), stream.Send)
}

// watch sends a ticket's status now, at intervals, and when it has ended.
func (s *service) watch(ctx context.Context, id string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	w, err := s.tickets.Watch(id)
	if err != nil {
		return storeError(err)
	}
	defer w.Close()
	s.mm.metrics.watchers.Inc()
	defer s.mm.metrics.watchers.Dec()
	progress := time.NewTicker(s.mm.cfg.ProgressInterval)
	defer progress.Stop()
	for {
		now := w.Status()
		if err := send(s.describe(w.Ticket(), now)); err != nil {
			return err
		}
		if now.State != ticket.Searching {
			return nil
		}
		select {
		case <-w.Done():
		case <-progress.C:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

var wireStates = map[ticket.State]matchmakerv1.WatchTicketResponse_State{
	ticket.Searching: matchmakerv1.WatchTicketResponse_STATE_SEARCHING,
	ticket.Assigned:  matchmakerv1.WatchTicketResponse_STATE_ASSIGNED,
	ticket.Ended:     matchmakerv1.WatchTicketResponse_STATE_ENDED,
}

func (s *service) describe(t *ticket.Ticket, now ticket.Status) *matchmakerv1.WatchTicketResponse {
	until := time.Now()
	if now.State != ticket.Searching {
		until = now.At
	}
	res := &matchmakerv1.WatchTicketResponse{
		State:           wireStates[now.State],
		WaitedMs:        milliseconds(until.Sub(t.Created)),
		EstimatedWaitMs: milliseconds(s.queues.EstimatedWait(t.Key)),
		Searching:       uint32(s.tickets.Searching(t.Key)),
		Reason:          now.Reason,
		Message:         now.Message,
	}
	if a := now.Assignment; a != nil {
		res.Assignment = &matchmakerv1.Assignment{
			MatchId: a.Match, Url: a.URL, JoinToken: a.Token, ExpiresMs: milliseconds(time.Until(a.Expires)),
			Game: a.Game, Mode: a.Mode, RoomCode: a.Room,
		}
	}
	return res
}

// milliseconds is never negative.
func milliseconds(d time.Duration) uint32 { return uint32(max(d.Milliseconds(), 0)) }

func (s *service) CancelTicket(_ context.Context, req *matchmakerv1.CancelTicketRequest) (*matchmakerv1.CancelTicketResponse, error) {
	final, won := s.tickets.Finish(req.GetTicketId(), ticket.EndedBy(matchmakerv1.EndReason_END_REASON_CANCELLED, ""))
	if !won && final.State == ticket.Searching {
		return nil, storeError(ticket.ErrUnknown)
	}
	return &matchmakerv1.CancelTicketResponse{Reason: final.Reason}, nil
}

func (s *service) CreateRoom(ctx context.Context, req *matchmakerv1.CreateRoomRequest) (*matchmakerv1.CreateRoomResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.limits.room(clientAddress(ctx)); err != nil {
		return nil, err
	}
	if err := checkStrings(req.GetGame(), req.GetMode()); err != nil {
		return nil, err
	}
	if err := checkOptions(req.GetOptions()); err != nil {
		return nil, err
	}
	k, err := s.resolve(req.GetGame(), req.GetMode())
	if err != nil {
		return nil, err
	}
	code, err := s.freeCode()
	if err != nil {
		return nil, err
	}
	servers := matchfn.Candidates(s.fleet.View(k))
	for _, server := range servers[:min(len(servers), roomServers)] {
		if err := s.assigner.OpenRoom(ctx, k, server.ID, code, req.GetOptions()); err == nil {
			s.mm.metrics.rooms.Inc()
			return &matchmakerv1.CreateRoomResponse{RoomCode: code, MatchId: room.MatchID(code)}, nil
		}
		if ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	return nil, status.Error(codes.ResourceExhausted, "no game server has room for another match; try again in a moment")
}

func (s *service) freeCode() (string, error) {
	for range codeDraws {
		code := room.NewCode()
		if _, taken := s.fleet.Find(room.MatchID(code)); !taken {
			return code, nil
		}
	}
	return "", status.Error(codes.ResourceExhausted, "no free room code was found; try again")
}

func (s *service) ListMatches(_ context.Context, req *matchmakerv1.ListMatchesRequest) (*matchmakerv1.ListMatchesResponse, error) {
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxListed {
		limit = maxListed
	}
	return &matchmakerv1.ListMatchesResponse{Matches: s.fleet.OpenMatches(req.GetGame(), req.GetMode(), limit)}, nil
}

func (s *service) ListGames(context.Context, *matchmakerv1.ListGamesRequest) (*matchmakerv1.ListGamesResponse, error) {
	totals := s.fleet.Totals()
	return &matchmakerv1.ListGamesResponse{
		Games: s.fleet.Games(), Servers: uint32(totals.Servers), Players: uint32(max(totals.People, 0)),
	}, nil
}

func (s *service) ready() error {
	if s.mm.state.Load() != stateRunning {
		return storeError(ticket.ErrStopping)
	}
	return nil
}

func storeError(err error) error {
	switch {
	case errors.Is(err, ticket.ErrUnknown):
		return status.Error(codes.NotFound, "no such ticket; it may have ended long ago")
	case errors.Is(err, ticket.ErrFull):
		return status.Error(codes.ResourceExhausted, err.Error())
	case errors.Is(err, ticket.ErrStopping):
		return status.Error(codes.Unavailable, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}

func checkStrings(values ...string) error {
	for _, v := range values {
		if len(v) > maxShortString {
			return status.Errorf(codes.InvalidArgument, "%.16q... has %d bytes, at most %d", v, len(v), maxShortString)
		}
	}
	return nil
}

func checkOptions(options []*matchmakerv1.Option) error {
	if len(options) > maxOptions {
		return status.Errorf(codes.InvalidArgument, "%d options, at most %d", len(options), maxOptions)
	}
	for _, o := range options {
		if o.GetName() == "" || len(o.GetName()) > maxShortString {
			return status.Errorf(codes.InvalidArgument, "an option's name has %d bytes, it needs 1 to %d", len(o.GetName()), maxShortString)
		}
	}
	return nil
}

func (s *service) watchParty(context.Context, string, func(*matchmakerv1.WatchPartyResponse) error) error {
	return status.Error(codes.Unimplemented, "parties are not served yet")
}
