// Package party keeps groups of players who want to play together, before and
// while they search.
package party

import (
	"context"
	"slices"
	"time"

	"tactus/matchmaker/internal/code"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/store"
)

const (
	// Most is how many players a party may have; queues may allow fewer.
	Most = 32
	// life is how long a party lives after its last change.
	life = 2 * time.Hour
)

// Party is a group of players. The first member leads it.
type Party struct{ membership.Head }

// Parties holds all parties.
type Parties struct {
	*membership.Records[Party, *Party]
}

// New makes the parties of a store. An external NATS outlives the matchmakers by
// itself, and its stream is one of earlier releases, in memory.
func New(ctx context.Context, s *store.Store) (*Parties, error) {
	records, err := membership.New[Party](ctx, s, membership.Config{
		Bucket: "parties", Name: "party", Prefix: "p", Life: life, Durable: s.Embedded(),
	})
	return &Parties{records}, err
}

// Create opens a party with its leader.
func (ps *Parties) Create(ctx context.Context, leader membership.Member) (*Party, error) {
	p := &Party{membership.Head{Members: []membership.Member{leader}}}
	return p, ps.Records.Create(ctx, p)
}

// Join adds a member. A player who is in the party already has the new handle
// besides the old one.
func (ps *Parties) Join(ctx context.Context, typed string, m membership.Member) (*Party, error) {
	parsed, ok := code.Parse(typed)
	if !ok {
		return nil, membership.ErrUnknown
	}
	return ps.Change(ctx, parsed, func(p *Party) error { return p.Enter(Most, m) })
}

// Search notes the members' tickets, in the order of their players. Members who
// are not among the players get none.
func (ps *Parties) Search(ctx context.Context, code string, players, handles []string) error {
	_, err := ps.Change(ctx, code, func(p *Party) error {
		for i := range p.Members {
			p.Members[i].Ticket = ""
			if at := slices.Index(players, p.Members[i].Player); at >= 0 {
				p.Members[i].Ticket = handles[at]
			}
		}
		return nil
	})
	return err
}
