// Package party keeps groups of players that want to play together, before and while
// they search.
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
	// Most bounds the players of a party. Queues may allow fewer.
	Most = 32
	// life is how long a party lives after its last change.
	life = 2 * time.Hour
)

// Party is the record of a group of players. The first member leads it. Not safe for
// concurrent use.
type Party struct{ membership.Head }

// Parties holds all parties. It is safe for concurrent use.
type Parties struct {
	*membership.Records[Party, *Party]
}

// New opens the parties of a store. The stream of an external NATS stays in memory, as
// in earlier releases: NATS itself outlives the matchmakers.
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

// AddMember adds a member to the party with the code that was typed. A present member
// gets the new handle in addition to the old one.
func (ps *Parties) AddMember(ctx context.Context, typed string, m membership.Member) (*Party, error) {
	parsed, ok := code.Parse(typed)
	if !ok {
		return nil, membership.ErrUnknown
	}
	return ps.Change(ctx, parsed, func(p *Party) error { return p.Enter(Most, m) })
}

// Search stores the members' tickets, in the order of players. Other
// members get none.
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
