package admission

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/identity"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/ticket"
)

const (
	maxPlayerID = 64
	maxSkill    = 1e6
)

// requesters are the players that a ticket is for.
type requesters struct {
	players    []ticket.Member // the caller first
	skills     []*float64      // as the caller knows them; nil: as rated
	guestToken string
	party      string // code
	trusted    bool   // named by a back end
}

// requesters finds the players of a request, none of whom is banned.
func (a *Admitter) requesters(ctx context.Context, req *Request) (*requesters, error) {
	who, err := a.findRequesters(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, p := range who.players {
		if err := a.cfg.Bans.Check(ctx, p.Player); err != nil {
			return nil, err
		}
	}
	return who, nil
}

func (a *Admitter) findRequesters(ctx context.Context, req *Request) (*requesters, error) {
	switch {
	case len(req.Players) > 0:
		return namedPlayers(req)
	case req.Party != "":
		return a.partyMembers(ctx, req)
	}
	p, err := a.cfg.Identity.Identify(ctx, req.GuestToken, req.IdentityToken, req.PlayerName)
	if err != nil {
		return nil, err
	}
	if req.GuestToken != "" || !p.Guest { // a new guest has not asked before
		if err := a.cfg.Limits.Player(ctx, p.ID); err != nil {
			return nil, err
		}
	}
	return &requesters{players: []ticket.Member{{Player: p.ID, Name: p.Name}}, skills: []*float64{nil}, guestToken: p.GuestToken}, nil
}

// namedPlayers are those of a back end, which the internal port trusts.
func namedPlayers(req *Request) (*requesters, error) {
	if req.Public {
		return nil, failure.New(failure.PlayersNotTrusted)
	}
	if len(req.Players) > party.Most {
		return nil, failure.Newf(failure.PartyTooLarge, "%d players, at most %d", len(req.Players), party.Most).Field("players", "at most 32")
	}
	who := &requesters{trusted: true}
	for i, p := range req.Players {
		field := fmt.Sprintf("players[%d]", i)
		if n := len(p.ID); n == 0 || n > maxPlayerID {
			return nil, failure.Newf(failure.BadPlayer, "a player's id has %d bytes, it needs 1 to %d", n, maxPlayerID).
				Field(field+".player_id", "1 to 64 bytes")
		}
		if slices.ContainsFunc(who.players, func(o ticket.Member) bool { return o.Player == p.ID }) {
			return nil, failure.Newf(failure.BadPlayer, "player %s is there twice", p.ID).Field(field+".player_id", "each player once")
		}
		if p.Skill != nil && !(math.Abs(*p.Skill) <= maxSkill) {
			return nil, failure.Newf(failure.BadPlayer, "the skill of player %s is %v", p.ID, *p.Skill).
				Field(field+".skill", "a number of at most a million")
		}
		name, err := identity.CleanName(p.Name)
		if err != nil {
			return nil, err
		}
		who.players = append(who.players, ticket.Member{Player: p.ID, Name: name})
		who.skills = append(who.skills, p.Skill)
	}
	return who, nil
}

// partyMembers are those of the caller's party. The caller must lead it.
func (a *Admitter) partyMembers(ctx context.Context, req *Request) (*requesters, error) {
	p, at, err := a.cfg.Parties.Find(ctx, req.Party)
	if err != nil {
		return nil, PartyError(err)
	}
	if at != 0 {
		return nil, PartyError(membership.ErrFirst)
	}
	if err := a.cfg.Limits.Player(ctx, p.Members[0].Player); err != nil {
		return nil, err
	}
	who := &requesters{party: p.Code}
	for _, m := range p.Members {
		who.players = append(who.players, ticket.Member{Player: m.Player, Name: m.Name})
		who.skills = append(who.skills, nil)
	}
	return who, nil
}

// PartyError is the failure that a caller gets for an error of a party.
func PartyError(err error) error {
	switch {
	case errors.Is(err, membership.ErrUnknown):
		return failure.New(failure.PartyUnknown)
	case errors.Is(err, membership.ErrFull):
		return failure.New(failure.PartyFull)
	case errors.Is(err, membership.ErrFirst):
		return failure.New(failure.NotPartyLeader)
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}
