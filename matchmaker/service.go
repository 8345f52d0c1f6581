package matchmaker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/grpc"

	"tactus/matchmaker/internal/assign"
	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/queuestats"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/repeat"
	"tactus/matchmaker/internal/requeue"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/routing"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// service answers players. It is the one implementation behind native gRPC and
// the browser's handlers; its errors are gRPC statuses.
type service struct {
	matchmakerv1.UnimplementedMatchmakerServiceServer

	mm       *Matchmaker
	fleet    *fleet.Registry
	queues   *queue.Set
	assigner *assign.Assigner
	catalog  *catalog.Catalog
	limits   *limits
	router   *routing.Router

	// Set by Run before anybody can call.
	identity *identity.Verifier
	claims   *claim.Claims
	watchers *membership.Watchers
	parties  *party.Parties
	rooms    *room.Rooms
	keeper   *keeper
	ranking  *ranking.Ranking
	requeue  *requeue.Priority
	stats    *queuestats.Exchange
}

func (s *service) CreateTicket(ctx context.Context, req *matchmakerv1.CreateTicketRequest) (*matchmakerv1.CreateTicketResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	address := clientAddress(ctx)
	if err := s.limits.ticket(address); err != nil {
		return nil, err
	}
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	if p := req.GetProtocol(); p != "" && p != s.mm.cfg.Protocol {
		return nil, failure.Newf(failure.VersionNotServed, "players speak %s here, your client speaks %s; reload or update", s.mm.cfg.Protocol, p)
	}
	who, err := s.askers(ctx, req, address)
	if err != nil {
		return nil, err
	}
	t, err := s.newTicket(ctx, req, who, address)
	if err != nil {
		return nil, err
	}
	res := &matchmakerv1.CreateTicketResponse{
		TicketId: t.Handle(0), PlayerId: who.players[0].Player, PlayerName: who.players[0].Name, GuestToken: who.guestToken,
	}
	existing, err := s.enter(ctx, t, req.GetRequestId())
	if err != nil {
		return nil, err
	}
	handles := handlesOf(t)
	if existing != nil {
		res.TicketId, res.Existing, handles = existing.Handles[0], true, existing.Handles
	}
	if req.GetPlayers() != nil {
		res.MemberTickets = handles
	}
	if who.party != "" && existing == nil {
		if err := s.parties.Search(ctx, who.party, playersOf(t), handles); err != nil {
			return nil, partyError(err)
		}
	}
	return res, nil
}

// askers are who a ticket is for.
type askers struct {
	players    []ticket.Member // the one who asks first
	skills     []*float64      // as the caller knows them; nil: as rated
	guestToken string
	party      string // code
	trusted    bool   // named by a back end
}

func (s *service) askers(ctx context.Context, req *matchmakerv1.CreateTicketRequest, address string) (*askers, error) {
	switch {
	case len(req.GetPlayers()) > 0:
		return namedPlayers(ctx, req.GetPlayers())
	case req.GetParty() != "":
		return s.partyPlayers(ctx, req.GetParty(), address)
	}
	p, err := s.identity.Identify(ctx, req.GetGuestToken(), req.GetIdentityToken(), req.GetPlayerName())
	if err != nil {
		return nil, err
	}
	if req.GetGuestToken() != "" || !p.Guest { // a new guest has not asked before
		if err := s.limits.player(p.ID, address); err != nil {
			return nil, err
		}
	}
	return &askers{players: []ticket.Member{{Player: p.ID, Name: p.Name}}, skills: []*float64{nil}, guestToken: p.GuestToken}, nil
}

// namedPlayers are a back end's, which the internal port trusts.
func namedPlayers(ctx context.Context, players []*matchmakerv1.Player) (*askers, error) {
	if isPublic(ctx) {
		return nil, failure.New(failure.PlayersNotTrusted)
	}
	if len(players) > party.Most {
		return nil, failure.Newf(failure.PartyTooLarge, "%d players, at most %d", len(players), party.Most).Field("players", "at most 32")
	}
	a := &askers{trusted: true}
	for i, p := range players {
		field := fmt.Sprintf("players[%d]", i)
		if n := len(p.GetPlayerId()); n == 0 || n > maxShortString {
			return nil, failure.Newf(failure.BadPlayer, "a player's id has %d bytes, it needs 1 to %d", n, maxShortString).
				Field(field+".player_id", "1 to 64 bytes")
		}
		if slices.ContainsFunc(a.players, func(o ticket.Member) bool { return o.Player == p.GetPlayerId() }) {
			return nil, failure.Newf(failure.BadPlayer, "player %s is there twice", p.GetPlayerId()).Field(field+".player_id", "each player once")
		}
		if p.Skill != nil && !(math.Abs(p.GetSkill()) <= maxSkill) {
			return nil, failure.Newf(failure.BadPlayer, "the skill of player %s is %v", p.GetPlayerId(), p.GetSkill()).
				Field(field+".skill", "a number of at most a million")
		}
		name, err := identity.CleanName(p.GetPlayerName())
		if err != nil {
			return nil, err
		}
		a.players = append(a.players, ticket.Member{Player: p.GetPlayerId(), Name: name})
		a.skills = append(a.skills, p.Skill)
	}
	return a, nil
}

// newTicket makes the ticket that is asked for.
func (s *service) newTicket(ctx context.Context, req *matchmakerv1.CreateTicketRequest, who *askers, address string) (t *ticket.Ticket, err error) {
	t = &ticket.Ticket{
		Members: who.players, Version: req.GetVersion(), Created: time.Now(), Expiry: s.mm.cfg.TicketExpiry,
		OneWatcher: who.trusted, Attributes: attributes(req.GetAttributes()), Latency: latencies(req.GetLatencyMs()),
	}
	wants := req.GetRoomCode() != "" || req.GetMatchId() != ""
	var r *queue.Rules
	if wants {
		if err := s.joinNamed(ctx, t, req, address); err != nil {
			return nil, err
		}
	} else if t.Queue, r, err = s.catalog.Resolve(req.GetQueue(), req.GetGame(), req.GetMode()); err != nil {
		return nil, err
	} else {
		t.Key = r.Key
	}
	if r != nil && r.Queue != nil {
		if err := s.obey(t, r.Queue); err != nil {
			return nil, err
		}
	}
	if r != nil && r.Queue == nil && t.Size() > 1 && t.Size() > s.mostTogether(t.Key) {
		most := s.mostTogether(t.Key)
		return nil, failure.Newf(failure.PartyTooLarge, "the party has %d players, a team of %s %s %d at most", t.Size(), t.Key.Game, t.Key.Mode, most)
	}
	if !wants {
		if err := s.checkVersion(t); err != nil {
			return nil, err
		}
	}
	if t.ID == "" {
		t.Name()
	}
	for i := range t.Members {
		m := &t.Members[i]
		m.Skill = s.skill(t.Queue, m.Player, who.skills[i])
	}
	if r != nil && r.Queue != nil {
		if err := matchfn.Admit(r.Queue, queue.GroupOf(t)); err != nil {
			return nil, failure.Newf(failure.BadField, "%s", err.Error())
		}
	}
	t.Priority = s.requeue.Of(playersOf(t))
	return t, nil
}

// joinNamed aims a ticket at the room or match that the request names.
func (s *service) joinNamed(ctx context.Context, t *ticket.Ticket, req *matchmakerv1.CreateTicketRequest, address string) (err error) {
	if t.Unmatchable, err = s.aim(ctx, t, req, address); err != nil {
		return err
	}
	if t.Key == (ticket.Key{}) {
		if t.Key, err = s.anyKey(req.GetGame(), req.GetMode()); err != nil {
			return err
		}
	}
	t.Queue = catalog.QuickPlay(t.Key)
	return nil
}

// obey fits a ticket into a queue with rules.
func (s *service) obey(t *ticket.Ticket, r *rules.Queue) error {
	t.Expiry = r.Search.Expiry
	if t.Size() > r.Party.Max {
		return failure.Newf(failure.PartyTooLarge, "the party has %d players, queue %s takes %d at most", t.Size(), r.Name, r.Party.Max)
	}
	for _, a := range r.Attributes {
		if len(t.Attributes[a.Name]) == 0 && !a.Optional {
			return failure.Newf(failure.BadAttribute, "queue %s needs the attribute %q", r.Name, a.Name).Field("attributes", "a value for "+a.Name)
		}
	}
	if r.Latency != nil && len(t.Latency) == 0 {
		return failure.Newf(failure.BadLatency, "queue %s needs latency_ms: the measured round trip to each region", r.Name).
			Field("latency_ms", "at least one region")
	}
	return nil
}

// mostTogether is how many players can be in one team of quick play.
func (s *service) mostTogether(k ticket.Key) int {
	seats, teams, _ := s.fleet.Shape(k)
	return min(max(seats, 1)/max(teams, 1), party.Most)
}

// checkVersion refuses clients whose version no live server runs: they would
// wait for nothing. While no server of the game is live, it may come back.
func (s *service) checkVersion(t *ticket.Ticket) error {
	if t.Version == "" {
		return nil
	}
	_, _, versions := s.fleet.Shape(t.Key)
	if len(versions) == 0 || slices.Contains(versions, t.Version) {
		return nil
	}
	return failure.Newf(failure.VersionNotServed, "no live server runs version %s of %s; reload or update", t.Version, t.Key.Game).
		With("version", versions[0])
}

func (s *service) skill(queueName, player string, given *float64) float64 {
	if given != nil {
		return *given
	}
	return s.ranking.Rating(queueName, player).Points
}

// aim finds the match that a ticket wants. The match may not be
// joinable.
func (s *service) aim(ctx context.Context, t *ticket.Ticket, req *matchmakerv1.CreateTicketRequest, address string) (ticket.Unmatchable, error) {
	if req.GetRoomCode() != "" {
		if err := s.limits.code(address); err != nil {
			return ticket.Unmatchable{}, err
		}
		return s.aimAtRoom(ctx, t, req.GetRoomCode())
	}
	t.Match = req.GetMatchId()
	found, ok := s.fleet.Find(t.Match)
	switch {
	case !ok, found.Private || !found.Open:
		return ticket.NewUnmatchable(ticket.MatchClosed), nil
	}
	t.Key = found.Key
	switch {
	case t.Version != "" && t.Version != found.Version:
		return ticket.NewVersionDiffers(found.Version, t.Version), nil
	case found.Free < t.Size():
		return ticket.NewUnmatchable(ticket.MatchFull), nil
	}
	return ticket.Unmatchable{}, nil
}

// enter puts a ticket into its queue. existing is the search that its player
// has already, if that one stays.
func (s *service) enter(ctx context.Context, t *ticket.Ticket, request string) (existing *claim.Claim, err error) {
	if existing, err = s.claim(ctx, t, request); err != nil || existing != nil {
		return existing, err
	}
	if err := s.router.Do(ctx, t.Queue, func(owner routing.Owner) error { return owner.Add(ctx, t) }); err != nil {
		if lacks(err) {
			s.dropClaims(t)
		}
		return nil, err
	}
	return nil, nil
}

// anyKey is a mode for the ticket of a match that does not exist: its search
// ends at once, wherever that is.
func (s *service) anyKey(game, mode string) (ticket.Key, error) {
	if k, err := s.fleet.Resolve(game, mode); err == nil {
		return k, nil
	}
	for _, g := range s.fleet.Games() {
		return ticket.Key{Game: g.GetName(), Mode: g.GetModes()[0].GetName()}, nil
	}
	return ticket.Key{}, failure.New(failure.NoServer)
}

func (s *service) WatchTicket(req *matchmakerv1.WatchTicketRequest, stream grpc.ServerStreamingServer[matchmakerv1.WatchTicketResponse]) error {
	return s.watch(stream.Context(), req.GetTicketId(), stream.Send)
}

// watch streams a ticket's status, from wherever its queue is.
func (s *service) watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error {
	name, err := s.queueOf(handle)
	if err != nil {
		return err
	}
	r := repeat.New(send, func(m *matchmakerv1.WatchTicketResponse) bool {
		return m.GetState() == matchmakerv1.WatchTicketResponse_STATE_SEARCHING // a proposal says how long there is left
	})
	defer r.Stop()
	return s.router.Do(ctx, name, func(owner routing.Owner) error {
		return owner.Watch(ctx, handle, func(res *matchmakerv1.WatchTicketResponse) error {
			s.completePlayURL(ctx, res.GetAssignment())
			return r.Send(res)
		})
	})
}

// GetTicket answers with what a watch would send now.
func (s *service) GetTicket(ctx context.Context, req *matchmakerv1.GetTicketRequest) (*matchmakerv1.GetTicketResponse, error) {
	name, err := s.queueOf(req.GetTicketId())
	if err != nil {
		return nil, err
	}
	var now *matchmakerv1.WatchTicketResponse
	err = s.router.Do(ctx, name, func(owner routing.Owner) (err error) {
		now, err = owner.Get(ctx, req.GetTicketId())
		return err
	})
	if err != nil {
		return nil, err
	}
	s.completePlayURL(ctx, now.GetAssignment())
	return &matchmakerv1.GetTicketResponse{Ticket: now}, nil
}

// queueOf tells the queue of a ticket's handle, if it can be one of ours: an
// invented name must not make a queue.
func (s *service) queueOf(handle string) (string, error) {
	if err := s.ready(); err != nil {
		return "", err
	}
	name, ok := ticket.QueueOf(handle)
	if !ok {
		return "", failure.New(failure.TicketUnknown)
	}
	if s.queues.Find(name) == nil && !s.catalog.Hosted(name) && !s.queues.Known(name) {
		return "", failure.New(failure.TicketUnknown)
	}
	return name, nil
}

func (s *service) CancelTicket(ctx context.Context, req *matchmakerv1.CancelTicketRequest) (*matchmakerv1.CancelTicketResponse, error) {
	name, err := s.queueOf(req.GetTicketId())
	if err != nil {
		return nil, err
	}
	id, _, ok := ticket.SplitHandle(req.GetTicketId())
	if !ok {
		return nil, failure.New(failure.TicketUnknown)
	}
	var now routing.SearchStatus
	err = s.router.Do(ctx, name, func(owner routing.Owner) (err error) {
		now, err = owner.Finish(ctx, id, matchmakerv1.EndReason_END_REASON_CANCELLED)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !now.Known {
		return nil, failure.New(failure.TicketUnknown)
	}
	return &matchmakerv1.CancelTicketResponse{Reason: now.Reason}, nil
}

func (s *service) AcceptMatch(ctx context.Context, req *matchmakerv1.AcceptMatchRequest) (*matchmakerv1.AcceptMatchResponse, error) {
	name, err := s.queueOf(req.GetTicketId())
	if err != nil {
		return nil, err
	}
	err = s.router.Do(ctx, name, func(owner routing.Owner) error {
		return owner.Answer(ctx, req.GetTicketId(), req.GetMatchId(), req.GetAccept())
	})
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.AcceptMatchResponse{}, nil
}

func (s *service) ready() error {
	switch s.mm.state.Load() {
	case stateRunning:
		return nil
	case stateStopped:
		return failure.New(failure.Stopping)
	}
	return failure.New(failure.Starting)
}
