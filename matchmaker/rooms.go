package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"

	"tactus/internal/text"
	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	maxOptions = 16
	maxLabels  = 4
)

func roomError(err error) error {
	var known *failure.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, membership.ErrUnknown):
		return failure.New(failure.RoomUnknown)
	case errors.Is(err, membership.ErrFull):
		return failure.New(failure.RoomFull)
	case errors.Is(err, membership.ErrFirst):
		return failure.New(failure.NotRoomOwner)
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}

func (s *service) CreateRoom(ctx context.Context, req *matchmakerv1.CreateRoomRequest) (*matchmakerv1.CreateRoomResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.limits.room(clientAddress(ctx)); err != nil {
		return nil, err
	}
	r, err := s.newRoom(req)
	if err != nil {
		return nil, err
	}
	var who *entrants
	if req.GetParty() != "" || req.GetGuestToken() != "" || req.GetIdentityToken() != "" {
		who, err = s.entrants(ctx, req.GetParty(), req.GetGuestToken(), req.GetIdentityToken(), req.GetPlayerName())
		if err != nil {
			return nil, err
		}
		if err := r.Enter(r.Seats, who.members...); err != nil {
			return nil, roomError(err)
		}
	}
	if s.keeper.rooms() >= s.mm.cfg.MaxRooms {
		return nil, failure.Newf(failure.TooManyRooms, "there are %d rooms already; try again later", s.mm.cfg.MaxRooms)
	}
	if err := s.rooms.Create(ctx, r); err != nil {
		return nil, roomError(err)
	}
	s.mm.metrics.RoomCreated()
	res := &matchmakerv1.CreateRoomResponse{RoomCode: r.Code}
	if who != nil {
		res.MemberId = s.entered(ctx, r.Code, who)
		res.PlayerId, res.PlayerName, res.GuestToken = who.first.ID, who.first.Name, who.first.GuestToken
	}
	return res, nil
}

// newRoom is the room that is asked for, without a code.
func (s *service) newRoom(req *matchmakerv1.CreateRoomRequest) (*room.Room, error) {
	if err := checkStrings("game", req.GetGame(), "mode", req.GetMode(), "party", req.GetParty(), "version", req.GetVersion()); err != nil {
		return nil, err
	}
	k, err := s.catalog.ResolveMode(req.GetGame(), req.GetMode())
	if err != nil {
		return nil, err
	}
	r := &room.Room{Game: k.Game, Version: req.GetVersion()}
	if err := s.checkVersion(&ticket.Ticket{Key: k, Version: r.Version}); err != nil {
		return nil, err
	}
	return r, s.furnish(r, k, req.GetOptions(), req.GetLabels())
}

// furnish sets what a room's next match will be.
func (s *service) furnish(r *room.Room, k ticket.Key, options []*matchmakerv1.Option, labels map[string]string) error {
	if err := checkOptions(options); err != nil {
		return err
	}
	clean, err := cleanLabels(labels)
	if err != nil {
		return err
	}
	seats, _, _ := s.fleet.Shape(k)
	r.Mode, r.Labels, r.Options = k.Mode, clean, nil
	if seats > 0 || r.Seats == 0 { // else its servers are away
		r.Seats = min(max(seats, 1), room.Most)
	}
	for _, o := range options {
		r.Options = append(r.Options, room.Option{Name: o.GetName(), Value: o.GetValue()})
	}
	return nil
}

// entrants are who enters a room, the one who asks first.
type entrants struct {
	first   identity.Player
	members []membership.Member
	party   string // code
}

// entrants says who enters: a player, or the party of a leader.
func (s *service) entrants(ctx context.Context, leader, guest, token, name string) (*entrants, error) {
	if leader == "" {
		p, err := s.identity.Identify(ctx, guest, token, name)
		return &entrants{first: p, members: []membership.Member{s.watchers.NewMember(p.ID, p.Name)}}, err
	}
	p, at, err := s.parties.Find(ctx, leader)
	if err == nil && at != 0 {
		err = membership.ErrFirst
	}
	if err != nil {
		return nil, partyError(err)
	}
	who := &entrants{first: identity.Player{ID: p.Members[0].Player, Name: p.Members[0].Name}, party: p.Code}
	for _, m := range p.Members {
		entering := s.watchers.NewMember(m.Player, m.Name)
		entering.Party = p.Code
		who.members = append(who.members, entering)
	}
	return who, nil
}

// entered sees to those who have entered a room: they leave unless they are
// watched, a party hears of it, and a running match has seats for them. It
// returns the handle of the first.
func (s *service) entered(ctx context.Context, code string, who *entrants) string {
	for _, m := range who.members {
		s.watchers.Left(s.rooms.Handle(code, m.Secret), m.Watch)
	}
	if who.party != "" {
		_, _ = s.parties.Change(ctx, who.party, func(p *party.Party) error { // else they are in the room and do not hear of it
			for _, m := range who.members {
				if at := p.Find(m.Player); at >= 0 {
					p.Members[at].Room = s.rooms.Handle(code, m.Secret)
				}
			}
			return nil
		})
	}
	return s.rooms.Handle(code, who.members[0].Secret)
}

// followIntoRoom lets a new member of a party enter the room that the party is
// in, where there is a place.
func (s *service) followIntoRoom(ctx context.Context, p *party.Party, m membership.Member) {
	where, _, ok := s.rooms.Split(p.Members[0].Room)
	if !ok || p.Members[0].Player == m.Player {
		return
	}
	entering := s.watchers.NewMember(m.Player, m.Name)
	entering.Party = p.Code
	if r, err := s.enterRoom(ctx, where, entering); err == nil {
		s.entered(ctx, r.Code, &entrants{members: []membership.Member{entering}, party: p.Code})
	}
}

func (s *service) JoinRoom(ctx context.Context, req *matchmakerv1.JoinRoomRequest) (*matchmakerv1.JoinRoomResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.limits.code(clientAddress(ctx)); err != nil {
		return nil, err
	}
	if err := checkCode("room_code", req.GetRoomCode()); err != nil {
		return nil, err
	}
	parsed, ok := code.Parse(req.GetRoomCode())
	if !ok {
		return nil, failure.New(failure.RoomUnknown)
	}
	who, err := s.entrants(ctx, req.GetParty(), req.GetGuestToken(), req.GetIdentityToken(), req.GetPlayerName())
	if err != nil {
		return nil, err
	}
	r, err := s.enterRoom(ctx, parsed, who.members...)
	if err != nil {
		return nil, roomError(err)
	}
	return &matchmakerv1.JoinRoomResponse{
		RoomCode: r.Code, MemberId: s.entered(ctx, r.Code, who),
		PlayerId: who.first.ID, GuestToken: who.first.GuestToken, PlayerName: who.first.Name,
	}, nil
}

// enterRoom adds members, all or none. They come into the match that runs, if it
// has seats.
func (s *service) enterRoom(ctx context.Context, code string, members ...membership.Member) (*room.Room, error) {
	r, err := s.changeRoom(ctx, code, func(r *room.Room) error { return r.Enter(r.Seats, members...) })
	if err != nil {
		return nil, err
	}
	if r.Runs(time.Now()) && !r.Opening { // else whoever opens it sees to that
		if found, ok := s.fleet.Find(r.Match); !ok || found.Free >= len(members) {
			s.seatMembers(ctx, r, members)
		}
	}
	return r, nil
}

func (s *service) LeaveRoom(ctx context.Context, req *matchmakerv1.LeaveRoomRequest) (*matchmakerv1.LeaveRoomResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if err := s.leaveRoom(ctx, req.GetMemberId(), ""); err != nil {
		return nil, roomError(err)
	}
	return &matchmakerv1.LeaveRoomResponse{}, nil
}

// leaveRoom takes a member out. The others may all be ready then.
func (s *service) leaveRoom(ctx context.Context, handle, watch string) error {
	began := false
	left, r, err := s.rooms.Leave(ctx, handle, watch, func(r *room.Room) { began = r.BeginIfReady(time.Now()) })
	if err != nil {
		return err
	}
	if began {
		s.openLater(r)
	}
	if left.Ticket != "" {
		_, _ = s.CancelTicket(ctx, &matchmakerv1.CancelTicketRequest{TicketId: left.Ticket}) // it may have ended long ago
	}
	if left.Party != "" {
		_, _ = s.parties.Change(ctx, left.Party, func(p *party.Party) error { // the party may be gone
			if at := p.Find(left.Player); at >= 0 && p.Members[at].Room == handle {
				p.Members[at].Room = ""
				return nil
			}
			return membership.ErrUnchanged
		})
	}
	return nil
}

// leaveMember takes the member with this handle out of its party or room, if the
// watcher is the newest one of the handle.
func (s *service) leaveMember(ctx context.Context, handle, watcher string) error {
	if _, _, ok := s.rooms.Split(handle); ok {
		return s.leaveRoom(ctx, handle, watcher)
	}
	return s.leaveParty(ctx, handle, watcher)
}

func (s *service) SetRoom(ctx context.Context, req *matchmakerv1.SetRoomRequest) (*matchmakerv1.SetRoomResponse, error) {
	if err := s.mayChange(ctx); err != nil {
		return nil, err
	}
	if err := checkStrings("mode", req.GetMode()); err != nil {
		return nil, err
	}
	var misled []string // tickets that wait for a match of the mode that was
	_, _, err := s.rooms.ChangeBy(ctx, req.GetMemberId(), func(r *room.Room, at int) error {
		misled = nil
		if at != 0 {
			return membership.ErrFirst
		}
		was, k := r.Mode, ticket.Key{Game: r.Game, Mode: r.Mode}
		if mode := req.GetMode(); mode != "" && mode != r.Mode {
			var err error
			if k, err = s.catalog.ResolveMode(r.Game, mode); err != nil {
				return err
			}
		}
		if err := s.furnish(r, k, req.GetOptions(), req.GetLabels()); err != nil {
			return err
		}
		if len(r.Members) > r.Seats {
			return failure.Newf(failure.RoomFull, "%s has %d seats, the room has %d members", k.Mode, r.Seats, len(r.Members)).
				Field("mode", "a mode with as many seats")
		}
		for i := range r.Members {
			m := &r.Members[i]
			m.Ready = m.Plain && m.Ready // nobody can ask these
			if r.Mode != was && m.Ticket != "" && m.Match == r.Next() {
				misled = append(misled, m.Ticket)
			}
		}
		return nil
	})
	if err != nil {
		return nil, roomError(err)
	}
	for _, handle := range misled {
		s.failTicket(ctx, handle, matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	}
	return &matchmakerv1.SetRoomResponse{}, nil
}

// mayChange limits how often rooms are changed.
func (s *service) mayChange(ctx context.Context) error {
	if err := s.ready(); err != nil {
		return err
	}
	return s.limits.ticket(clientAddress(ctx))
}

func (s *service) SetReady(ctx context.Context, req *matchmakerv1.SetReadyRequest) (*matchmakerv1.SetReadyResponse, error) {
	if err := s.mayChange(ctx); err != nil {
		return nil, err
	}
	began := false
	r, _, err := s.rooms.ChangeBy(ctx, req.GetMemberId(), func(r *room.Room, at int) error {
		r.Members[at].Ready = req.GetReady()
		began = r.BeginIfReady(time.Now())
		return nil
	})
	if err != nil {
		return nil, roomError(err)
	}
	if began {
		s.openLater(r)
	}
	return &matchmakerv1.SetReadyResponse{}, nil
}

func (s *service) WatchRoom(req *matchmakerv1.WatchRoomRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchRoomResponse]) error {
	return s.watchRoom(stream.Context(), req.GetMemberId(), stream.Send)
}

func (s *service) watchRoom(ctx context.Context, handle string, send func(*matchmakerv1.WatchRoomResponse) error) error {
	if err := s.ready(); err != nil {
		return err
	}
	return watchMember(ctx, s.watchers, s.rooms.Records, handle, describeRoom, send, roomError)
}

// GetRoom answers with what a watch would send now.
func (s *service) GetRoom(ctx context.Context, req *matchmakerv1.GetRoomRequest) (*matchmakerv1.GetRoomResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	r, at, err := pollMember(ctx, s.watchers, s.rooms.Records, req.GetMemberId(), roomError)
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.GetRoomResponse{Room: describeRoom(r, at)}, nil
}

func describeRoom(r *room.Room, you int) *matchmakerv1.WatchRoomResponse {
	res := &matchmakerv1.WatchRoomResponse{
		RoomCode: r.Code, Game: r.Game, Mode: r.Mode, Options: wireOptions(r), Labels: r.Labels,
		Seats: uint32(r.Seats), MatchId: r.Match, Round: uint32(r.Number), Message: r.Problem,
	}
	if m := r.Members[you]; m.Match == r.Match && !r.Opening {
		res.TicketId = m.Ticket
	}
	for i, m := range r.Members {
		res.Members = append(res.Members, &matchmakerv1.WatchRoomResponse_Member{
			PlayerId: m.Player, PlayerName: m.Name, Owner: i == 0, You: i == you,
			Ready: m.Ready, Playing: r.Match != "" && m.Match == r.Match,
		})
	}
	return res
}

func wireOptions(r *room.Room) []*matchmakerv1.Option {
	var list []*matchmakerv1.Option
	for _, o := range r.Options {
		list = append(list, &matchmakerv1.Option{Name: o.Name, Value: o.Value})
	}
	return list
}

func checkOptions(options []*matchmakerv1.Option) error {
	if len(options) > maxOptions {
		return failure.Newf(failure.BadOption, "%d options, at most %d", len(options), maxOptions).Field("options", "at most 16")
	}
	for _, o := range options {
		if o.GetName() == "" || len(o.GetName()) > maxShortString || !utf8.ValidString(o.GetName()) {
			return failure.Newf(failure.BadOption, "an option's name has %d bytes, it needs 1 to %d", len(o.GetName()), maxShortString).
				Field("options", "names of 1 to 64 bytes")
		}
	}
	return nil
}

// cleanLabels makes texts that can be shown of what an owner wrote.
func cleanLabels(labels map[string]string) (map[string]string, error) {
	if len(labels) > maxLabels {
		return nil, failure.Newf(failure.BadLabel, "%d labels, at most %d", len(labels), maxLabels).Field("labels", "at most 4")
	}
	clean := make(map[string]string, len(labels))
	for name, label := range labels {
		if name == "" || len(name) > maxShortString || len(label) > maxShortString {
			return nil, failure.Newf(failure.BadLabel, "label %.16q has %d bytes, at most %d, as have names", name, len(label), maxShortString).
				Field("labels", fmt.Sprintf("names and texts of at most %d bytes", maxShortString))
		}
		clean[text.Text(name, maxShortString)] = text.Text(label, maxShortString)
	}
	return clean, nil
}
