// Package admission turns a request for a match into a ticket in a queue.
//
// An [Admitter] finds the players that the request is for and the queue or match
// that it asks for, checks the ticket against the queue's rules, and starts the
// search. [Searches] sees to it that a player has one search at a time, in whichever
// queue and at whichever replica.
package admission

import (
	"context"
	"slices"
	"time"

	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/matchfn"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/ranking"
	"tactus/matchmaker/internal/requeue"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
)

// Limits bounds how often players and addresses may ask. Each method returns the
// failure of a request that comes too often.
type Limits interface {
	Player(ctx context.Context, player string) error
	// Code returns the function to call if the code was right.
	Code(ctx context.Context) (right func(), err error)
}

// Rooms lets tickets into private rooms.
type Rooms interface {
	// JoinByTicket makes the players of a ticket members of the room with this code,
	// and aims the ticket at the room's match.
	JoinByTicket(ctx context.Context, t *ticket.Ticket, code string) (ticket.Unmatchable, error)
}

// Bans keeps players out.
type Bans interface {
	// Check returns the failure of a player who is banned, or who calls from a banned
	// address; nil for others.
	Check(ctx context.Context, player string) error
}

// Config is what an [Admitter] works with. All fields are needed.
type Config struct {
	Expiry   time.Duration // of a search in quick play
	Searches *Searches
	Identity *identity.Verifier
	Parties  *party.Parties
	Catalog  *catalog.Catalog
	Fleet    *fleet.Registry
	Ranking  *ranking.Ranking
	Priority *requeue.Priority
	Limits   Limits
	Rooms    Rooms
	Bans     Bans
	// Cooldown is how long a player has to wait before the next search in queues in
	// which leaving counts.
	Cooldown func(player string) time.Duration
}

// Admitter makes tickets of requests. It is safe for concurrent use.
type Admitter struct{ cfg Config }

// New makes an admitter.
func New(cfg Config) *Admitter { return &Admitter{cfg: cfg} }

// Admission is the search that a request has led to.
type Admission struct {
	PlayerID, PlayerName, GuestToken string // of the caller, or of the first named player
	// Handles are those of the players, in the order of the request.
	Handles  []string
	Existing bool // an earlier search of the player goes on instead
}

// Admit starts the requested search. An error is a failure, or the gRPC
// status of the replica that owns the queue.
func (a *Admitter) Admit(ctx context.Context, req *Request) (*Admission, error) {
	who, err := a.requesters(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := a.checkSeats(ctx, req, who); err != nil {
		return nil, err
	}
	t, err := a.newTicket(ctx, req, who)
	if err != nil {
		return nil, err
	}
	existing, err := a.cfg.Searches.Start(ctx, t, req.ID)
	if err != nil {
		return nil, err
	}
	admitted := &Admission{
		PlayerID: who.players[0].Player, PlayerName: who.players[0].Name, GuestToken: who.guestToken, Handles: t.Handles(),
	}
	if existing != nil {
		admitted.Existing, admitted.Handles = true, existing.Handles
		return admitted, nil
	}
	if who.party != "" {
		if err := a.cfg.Parties.Search(ctx, who.party, t.Players(), admitted.Handles); err != nil {
			return nil, PartyError(err)
		}
	}
	return admitted, nil
}

// newTicket makes the requested ticket.
func (a *Admitter) newTicket(ctx context.Context, req *Request, who *requesters) (*ticket.Ticket, error) {
	t := a.build(req, who)
	r, err := a.resolve(ctx, t, req)
	if err != nil {
		return nil, err
	}
	if t.ID == "" { // else its room has named it
		t.Name()
	}
	for i := range t.Members {
		t.Members[i].Skill = a.skill(t.Queue, t.Members[i].Player, who.skills[i])
	}
	if r != nil {
		if err := a.authorize(t, r); err != nil {
			return nil, err
		}
		if err := a.checkPlayers(t, r.Queue, who.trusted); err != nil {
			return nil, err
		}
	}
	t.Priority = a.cfg.Priority.Of(t.Players())
	return t, nil
}

// checkPlayers rejects guests where the queue takes none, and players that have to
// wait. A back end answers for the players that it names.
func (a *Admitter) checkPlayers(t *ticket.Ticket, r *rules.Queue, trusted bool) error {
	if r == nil {
		return nil
	}
	for _, m := range t.Members {
		if !trusted && !r.AllowsGuests() && identity.IsGuest(m.Player) {
			return failure.New(failure.GuestsNotAllowed).With("player", m.Name)
		}
		if !r.CoolsDown() {
			continue
		}
		if wait := a.cfg.Cooldown(m.Player); wait > 0 {
			shown := wait.Round(time.Second)
			return failure.Newf(failure.Cooldown, "%s has left or declined matches and can search again in %s", m.Name, max(shown, time.Second)).
				With("player", m.Name).RetryAfter(wait)
		}
	}
	return nil
}

// build makes a ticket of what a request says, without a queue.
func (a *Admitter) build(req *Request, who *requesters) *ticket.Ticket {
	return &ticket.Ticket{
		Members: who.players, Version: req.Version, Created: time.Now(), Expiry: a.cfg.Expiry,
		OneWatcher: who.trusted, Attributes: req.Attributes, Latency: req.Latency,
	}
}

// resolve aims a ticket at the requested queue and returns its rules. A certain match
// has no rules.
func (a *Admitter) resolve(ctx context.Context, t *ticket.Ticket, req *Request) (r *queue.Rules, err error) {
	if !req.forMatch() {
		if t.Queue, r, err = a.cfg.Catalog.Resolve(req.Queue, req.Game, req.Mode); err != nil {
			return nil, err
		}
		t.Key = r.Key
		return r, nil
	}
	if t.Unmatchable, err = a.resolveMatch(ctx, t, req); err != nil {
		return nil, err
	}
	if t.Key == (ticket.Key{}) {
		if t.Key, err = a.anyKey(req.Game, req.Mode); err != nil {
			return nil, err
		}
	}
	t.Queue = catalog.QuickPlay(t.Key)
	return nil, nil
}

// resolveMatch aims a ticket at the requested room or match.
func (a *Admitter) resolveMatch(ctx context.Context, t *ticket.Ticket, req *Request) (ticket.Unmatchable, error) {
	if req.RoomCode != "" {
		right, err := a.cfg.Limits.Code(ctx)
		if err != nil {
			return ticket.Unmatchable{}, err
		}
		no, err := a.cfg.Rooms.JoinByTicket(ctx, t, req.RoomCode)
		if err == nil && no.Reason != ticket.RoomGone && no.Reason != ticket.RoomCodeInvalid {
			right()
		}
		return no, err
	}
	t.Match = req.MatchID
	if at, ok := a.cfg.Fleet.SeatOf(t.Members[0].Player); ok && at.Match == t.Match && t.Size() == 1 {
		t.Key, t.Returns = at.Key, true
		return ticket.Unmatchable{}, nil
	}
	found, ok := a.cfg.Fleet.Find(t.Match)
	if !ok || found.Private || !found.Open {
		return ticket.NewUnmatchable(ticket.MatchClosed), nil
	}
	t.Key = found.Key
	switch {
	case t.Version != "" && t.Version != found.Version:
		return ticket.NewVersionDiffers(found.Version, t.Version), nil
	case found.Full(t.Size()):
		return ticket.NewUnmatchable(ticket.MatchFull), nil
	}
	return ticket.Unmatchable{}, nil
}

// anyKey is a mode for the ticket of a match that does not exist. Its search ends
// as soon as it begins, in any queue.
func (a *Admitter) anyKey(game, mode string) (ticket.Key, error) {
	if k, err := a.cfg.Fleet.Resolve(game, mode); err == nil {
		return k, nil
	}
	for _, g := range a.cfg.Fleet.Games() {
		return ticket.Key{Game: g.GetName(), Mode: g.GetModes()[0].GetName()}, nil
	}
	return ticket.Key{}, failure.New(failure.NoServer)
}

func (a *Admitter) skill(queueName, player string, given *float64) float64 {
	if given != nil {
		return *given
	}
	return a.cfg.Ranking.Rating(queueName, player).Points
}

// authorize rejects a ticket that its queue could never match.
func (a *Admitter) authorize(t *ticket.Ticket, r *queue.Rules) error {
	if r.Queue != nil {
		if err := applyRules(t, r.Queue); err != nil {
			return err
		}
	} else if most := MaxTeam(a.cfg.Fleet, t.Key); t.Size() > 1 && t.Size() > most {
		return failure.Newf(failure.PartyTooLarge, "the party has %d players, a team of %s %s %d at most", t.Size(), t.Key.Game, t.Key.Mode, most)
	}
	if err := CheckVersion(a.cfg.Fleet, t.Key, t.Version); err != nil {
		return err
	}
	if r.Queue != nil {
		if err := matchfn.Admit(r.Queue, queue.GroupOf(t)); err != nil {
			return failure.Newf(failure.BadField, "%s", err.Error())
		}
	}
	return nil
}

// applyRules sets what a queue's rules say of every ticket, and rejects one without
// what they need.
func applyRules(t *ticket.Ticket, r *rules.Queue) error {
	t.Expiry = r.Search.Expiry
	if t.Size() > r.Party.Max {
		return failure.Newf(failure.PartyTooLarge, "the party has %d players, queue %s takes %d at most", t.Size(), r.Name, r.Party.Max)
	}
	for _, attribute := range r.Attributes {
		if len(t.Attributes[attribute.Name]) == 0 && !attribute.Optional {
			return failure.Newf(failure.BadAttribute, "queue %s needs the attribute %q", r.Name, attribute.Name).
				Field("attributes", "a value for "+attribute.Name)
		}
	}
	if r.Latency != nil && len(t.Latency) == 0 {
		return failure.Newf(failure.BadLatency, "queue %s needs latency_ms: the measured round trip to each region", r.Name).
			Field("latency_ms", "at least one region")
	}
	return nil
}

// MaxTeam is how many players a team of quick play has at most.
func MaxTeam(servers *fleet.Registry, k ticket.Key) int {
	seats, teams, _ := servers.Shape(k)
	return min(max(seats, 1)/max(teams, 1), party.Most)
}

// CheckVersion rejects a version that no live server runs: its players would wait in
// vain. While no server of the game is live, such a server may come back.
func CheckVersion(servers *fleet.Registry, k ticket.Key, version string) error {
	if version == "" {
		return nil
	}
	_, _, versions := servers.Shape(k)
	if len(versions) == 0 || slices.Contains(versions, version) {
		return nil
	}
	return failure.Newf(failure.VersionNotServed, "no live server runs version %s of %s; reload or update", version, k.Game).
		With("version", versions[0])
}
