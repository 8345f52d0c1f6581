package moderation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"tactus/internal/audit"
	"tactus/internal/banlist"
	"tactus/internal/text"
	"tactus/matchmaker/internal/access"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/pseudonym"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/store"
	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

const (
	// answerTimeout is how long game servers have to answer.
	answerTimeout = 3 * time.Second
	maxID         = 64
	maxMatches    = 1000
	maxAudit      = 1000
	defaultAudit  = 100
)

// Searches are the searches of all queues.
type Searches interface {
	// Stop ends the search of a player, if there is one.
	Stop(ctx context.Context, player string) error
	// Of returns the queue in which a player searches and since when; empty for none.
	Of(ctx context.Context, player string) (queue string, since time.Time)
}

// Fleet asks game servers.
type Fleet interface {
	// Moderate asks one and waits for its answer.
	Moderate(ctx context.Context, server string, m *fleetv1.Moderate) (*fleetv1.Moderated, error)
	// ModerateAll asks all, and returns which did not answer.
	ModerateAll(ctx context.Context, m *fleetv1.Moderate) (answers []fleet.Moderation, silent []string)
	// Drain reports whether the server is live.
	Drain(server string, deadline time.Duration, reason string) bool
	Match(id string) (fleet.MatchInfo, bool)
	Matches(most int) (list []fleet.MatchInfo, total int)
}

// Config is what a [Service] works with. All fields are needed but Audit.
type Config struct {
	// Ready returns the failure of a call that comes before the matchmaker runs, or
	// when it stops.
	Ready func() error
	Fleet Fleet
	Audit *audit.Log // nil: nothing is written
}

// Parts are what works on the store, which is opened after the service is made.
type Parts struct {
	Bans     *Bans
	Reports  *Reports
	Ranking  *ranking.Ranking
	Searches Searches
	// Pseudonyms finds players by what others see of them.
	Pseudonyms *pseudonym.Pseudonyms
}

// Service serves admin.v1. Its errors are failures. It is safe for concurrent use.
type Service struct {
	adminv1.UnimplementedAdminServiceServer

	cfg   Config
	parts Parts // set by Open
}

// New makes a service that answers when it is ready.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// Open gives the service what works on the store. It is called once, before Ready
// returns nil.
func (s *Service) Open(parts Parts) { s.parts = parts }

// act checks that the matchmaker runs and the texts of a call can be used, does the
// action and writes it to the audit log.
func act[Res any](ctx context.Context, s *Service, action, target string, reason *string, do func(ctx context.Context) (*Res, error)) (*Res, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	cleaned := text.Text(*reason, banlist.MaxReason)
	var res *Res
	var err error
	if len(*reason) > banlist.MaxReason {
		err = failure.Newf(failure.BadField, "the text has %d bytes, at most %d", len(*reason), banlist.MaxReason).Field("reason", "up to 200 bytes")
	} else {
		*reason = cleaned
		res, err = do(ctx)
	}
	s.audit(ctx, action, target, cleaned, err)
	return res, err
}

func (s *Service) audit(ctx context.Context, action, target, reason string, err error) {
	actor := ActorOf(ctx)
	outcome := "ok"
	if err != nil {
		outcome = failure.Status(err).Message()
	}
	s.cfg.Audit.Write(audit.Entry{Who: actor.Who, From: actor.From, Action: action, Target: target, Reason: reason, Outcome: outcome})
}

// ActorOf returns the caller: whom the admin port knows, or the peer of native gRPC
// with the name of its certificate.
func ActorOf(ctx context.Context) audit.Actor {
	if a, ok := audit.ActorOf(ctx); ok {
		return a
	}
	a := audit.Actor{Who: "internal port"}
	if roles := access.CallerOf(ctx).Roles; roles != access.All {
		a.Who = roles.String()
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return a
	}
	a.From = p.Addr.String()
	if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
		leaf := info.State.PeerCertificates[0]
		a.Who = leaf.Subject.CommonName
		if len(leaf.URIs) > 0 {
			a.Who = leaf.URIs[0].String()
		}
	}
	return a
}

// playerID replaces a pseudonym in a request by the player's id. It rejects an id that
// can't be a player's, and a pseudonym of a player that is not known here: what is done
// to it would meet no one.
func (s *Service) playerID(id *string) error {
	const field = "player_id"
	if *id == "" || len(*id) > maxID {
		return failure.Newf(failure.BadField, "%s has %d bytes, it needs 1 to %d", field, len(*id), maxID).Field(field, "1 to 64 bytes")
	}
	if !pseudonym.IsPseudonym(*id) {
		return nil
	}
	if s.parts.Pseudonyms != nil {
		*id = s.parts.Pseudonyms.Player(*id)
	}
	if pseudonym.IsPseudonym(*id) {
		return failure.Newf(failure.PlayerUnknown, "no player is known by the pseudonym %s; use the id of your accounts (u-...)", *id)
	}
	return nil
}

// ask asks all game servers.
func (s *Service) ask(ctx context.Context, m *fleetv1.Moderate) ([]fleet.Moderation, []string) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return s.cfg.Fleet.ModerateAll(ctx, m)
}

// askMatch asks the game server that runs a match.
func (s *Service) askMatch(ctx context.Context, match string, m *fleetv1.Moderate) (*fleetv1.Moderated, fleet.MatchInfo, error) {
	info, ok := s.cfg.Fleet.Match(match)
	if !ok {
		return nil, info, failure.New(failure.MatchUnknown)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := s.cfg.Fleet.Moderate(ctx, info.Server, m)
	switch {
	case err != nil:
		return nil, info, failure.Newf(failure.ServerSilent, "game server %s: %v", info.Server, err).Because(err)
	case !answer.GetFound():
		return nil, info, failure.New(failure.MatchUnknown)
	}
	return answer, info, nil
}

// storeError is the failure for an error of the store.
func storeError(err error, missing failure.Reason) error {
	if errors.Is(err, store.ErrNotFound) {
		return failure.New(missing)
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}

// GetPlayer implements admin.v1.
func (s *Service) GetPlayer(ctx context.Context, req *adminv1.GetPlayerRequest) (*adminv1.GetPlayerResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := s.playerID(&req.PlayerId); err != nil {
		return nil, err
	}
	res, seen := s.player(ctx, req.GetPlayerId())
	if !seen && len(res.GetBans()) == 0 && res.GetSearchingIn() == "" {
		return nil, failure.New(failure.PlayerUnknown)
	}
	return res, nil
}

func (s *Service) player(ctx context.Context, id string) (res *adminv1.GetPlayerResponse, seen bool) {
	res = &adminv1.GetPlayerResponse{PlayerId: id}
	answers, silent := s.ask(ctx, &fleetv1.Moderate{Action: &fleetv1.Moderate_FindPlayer{FindPlayer: &fleetv1.FindPlayer{PlayerId: id}}})
	res.SilentServers = silent
	for _, a := range answers {
		seen = seen || a.Answer.GetFound()
		for _, p := range a.Answer.GetPlayers() {
			res.Seats = append(res.Seats, seatOf(p, a.Server))
		}
		if a.Answer.GetLastSeenUnixMs() > res.GetLastSeenUnixMs() {
			res.LastSeenUnixMs, res.LastAddress = a.Answer.GetLastSeenUnixMs(), a.Answer.GetLastAddress()
		}
	}
	if s.parts.Bans == nil {
		return res, seen
	}
	for _, record := range s.parts.Bans.Of(id) {
		res.Bans = append(res.Bans, banOf(record))
	}
	queue, since := s.parts.Searches.Of(ctx, id)
	if queue != "" {
		res.SearchingIn, res.SearchingSinceUnixMs = queue, since.UnixMilli()
	}
	return res, seen
}

func seatOf(p *fleetv1.SeatedPlayer, server string) *adminv1.PlayerSeat {
	return &adminv1.PlayerSeat{
		PlayerId: p.GetPlayerId(), PlayerName: p.GetPlayerName(), MatchId: p.GetMatchId(), ServerId: server, Slot: p.GetSlot(),
		Connected: p.GetConnected(), SinceUnixMs: p.GetSinceUnixMs(), Muted: p.GetMuted(), Address: p.GetAddress(),
	}
}

// KickPlayer implements admin.v1.
func (s *Service) KickPlayer(ctx context.Context, req *adminv1.KickPlayerRequest) (*adminv1.KickPlayerResponse, error) {
	return act(ctx, s, "KickPlayer", req.GetPlayerId(), &req.Reason, func(ctx context.Context) (*adminv1.KickPlayerResponse, error) {
		if err := s.playerID(&req.PlayerId); err != nil {
			return nil, err
		}
		answers, _ := s.ask(ctx, &fleetv1.Moderate{Action: &fleetv1.Moderate_Kick{
			Kick: &fleetv1.Kick{PlayerId: req.GetPlayerId(), Text: banlist.KickText(req.GetReason())},
		}})
		res := &adminv1.KickPlayerResponse{}
		for _, a := range answers {
			for _, p := range a.Answer.GetPlayers() {
				res.MatchIds = append(res.MatchIds, p.GetMatchId())
			}
		}
		if len(res.GetMatchIds()) == 0 {
			return nil, failure.New(failure.PlayerNotSeated)
		}
		return res, nil
	})
}

// EndMatch implements admin.v1.
func (s *Service) EndMatch(ctx context.Context, req *adminv1.EndMatchRequest) (*adminv1.EndMatchResponse, error) {
	return act(ctx, s, "EndMatch", req.GetMatchId(), &req.Reason, func(ctx context.Context) (*adminv1.EndMatchResponse, error) {
		_, _, err := s.askMatch(ctx, req.GetMatchId(), &fleetv1.Moderate{Action: &fleetv1.Moderate_EndMatch{
			EndMatch: &fleetv1.EndMatch{MatchId: req.GetMatchId(), Text: banlist.EndText(req.GetReason())},
		}})
		return &adminv1.EndMatchResponse{}, err
	})
}

// SendNotice implements admin.v1.
func (s *Service) SendNotice(ctx context.Context, req *adminv1.SendNoticeRequest) (*adminv1.SendNoticeResponse, error) {
	target := req.GetMatchId()
	if target == "" {
		target = "all matches"
	}
	return act(ctx, s, "SendNotice", target, &req.Text, func(ctx context.Context) (*adminv1.SendNoticeResponse, error) {
		if req.GetText() == "" {
			return nil, failure.Newf(failure.BadField, "the notice has no text").Field("text", "something that shows")
		}
		m := &fleetv1.Moderate{Action: &fleetv1.Moderate_Notice{Notice: &fleetv1.Notice{MatchId: req.GetMatchId(), Text: req.GetText()}}}
		if req.GetMatchId() != "" {
			_, _, err := s.askMatch(ctx, req.GetMatchId(), m)
			return &adminv1.SendNoticeResponse{Matches: 1}, err
		}
		answers, silent := s.ask(ctx, m)
		res := &adminv1.SendNoticeResponse{SilentServers: silent}
		for _, a := range answers {
			res.Matches += a.Answer.GetMatches()
		}
		return res, nil
	})
}

// DrainServer implements admin.v1.
func (s *Service) DrainServer(ctx context.Context, req *adminv1.DrainServerRequest) (*adminv1.DrainServerResponse, error) {
	return act(ctx, s, "DrainServer", req.GetServerId(), &req.Reason, func(context.Context) (*adminv1.DrainServerResponse, error) {
		if !s.cfg.Fleet.Drain(req.GetServerId(), time.Duration(req.GetDeadlineS())*time.Second, req.GetReason()) {
			return nil, failure.New(failure.ServerUnknown)
		}
		return &adminv1.DrainServerResponse{}, nil
	})
}

// ListMatches implements admin.v1.
func (s *Service) ListMatches(_ context.Context, req *adminv1.ListMatchesRequest) (*adminv1.ListMatchesResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxMatches {
		limit = maxMatches
	}
	list, total := s.cfg.Fleet.Matches(limit)
	res := &adminv1.ListMatchesResponse{Total: uint32(total)}
	for _, m := range list {
		res.Matches = append(res.Matches, summaryOf(m))
	}
	return res, nil
}

func summaryOf(m fleet.MatchInfo) *adminv1.MatchSummary {
	return &adminv1.MatchSummary{
		MatchId: m.ID, ServerId: m.Server, Game: m.Game, Mode: m.Mode, Queue: m.Queue,
		Players: uint32(m.Players), Seats: uint32(m.Seats), Private: m.Private, AgeS: m.AgeS,
	}
}

// GetMatch implements admin.v1.
func (s *Service) GetMatch(ctx context.Context, req *adminv1.GetMatchRequest) (*adminv1.GetMatchResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	answer, info, err := s.askMatch(ctx, req.GetMatchId(), &fleetv1.Moderate{Action: &fleetv1.Moderate_ListPlayers{
		ListPlayers: &fleetv1.ListPlayers{MatchId: req.GetMatchId()},
	}})
	if err != nil {
		return nil, err
	}
	res := &adminv1.GetMatchResponse{Match: summaryOf(info)}
	for _, p := range answer.GetPlayers() {
		res.Players = append(res.Players, seatOf(p, info.Server))
	}
	return res, nil
}

// ListAudit implements admin.v1.
func (s *Service) ListAudit(_ context.Context, req *adminv1.ListAuditRequest) (*adminv1.ListAuditResponse, error) {
	limit := int(req.GetLimit())
	if limit == 0 || limit > maxAudit {
		limit = defaultAudit
	}
	res := &adminv1.ListAuditResponse{}
	for _, e := range s.cfg.Audit.Recent(limit) {
		res.Entries = append(res.Entries, &adminv1.AuditEntry{
			UnixMs: e.Time.UnixMilli(), Who: e.Who, From: e.From, Action: e.Action, Target: e.Target, Reason: e.Reason, Outcome: e.Outcome,
		})
	}
	return res, nil
}

// atLeast is a readable count of players.
func atLeast(n int) string {
	if n == 1 {
		return "1 player was"
	}
	return fmt.Sprintf("%d players were", n)
}
