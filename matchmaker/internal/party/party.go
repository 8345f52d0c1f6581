// Package party keeps groups of players who want to play together, before and
// while they search.
package party

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/store"
)

// Errors of [Parties].
var (
	ErrUnknown = errors.New("there is no party with this code")
	ErrFull    = errors.New("this party is full")
	ErrLeader  = errors.New("only the leader of a party can do this")
)

const (
	// Most is how many players a party may have; queues may allow fewer.
	Most = 32
	// life is how long a party lives after its last change.
	life      = 2 * time.Hour
	codeDraws = 10
)

// Party is a group of players. The first member leads it.
type Party struct {
	Code    string
	Members []Member
}

// Member is one of a party.
type Member struct {
	Secret string // of the member's handle
	Player string
	Name   string
	Watch  string // the member's newest watcher
	Ticket string // the member's handle of the present search, if there is one
}

// Parties holds all parties.
type Parties struct {
	store  *store.Store
	bucket *store.Bucket
}

// New makes the parties of a store.
func New(ctx context.Context, s *store.Store) (*Parties, error) {
	bucket, err := s.Bucket(ctx, store.BucketConfig{Name: "parties", TTL: life})
	if err != nil {
		return nil, fmt.Errorf("parties: %w", err)
	}
	return &Parties{store: s, bucket: bucket}, nil
}

// Handle is what a member holds.
func Handle(code, secret string) string { return "p." + code + "." + secret }

func split(handle string) (code, secret string, ok bool) {
	parts := strings.Split(handle, ".")
	if len(parts) != 3 || parts[0] != "p" || parts[1] == "" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// NewSecret draws the secret of a member's handle, or the name of a watcher.
func NewSecret() string { return strings.ToLower(rand.Text()[:16]) }

// newMember is not watched yet; the name of its watcher stands for the time
// until it is.
func newMember(player, name string) Member {
	return Member{Secret: NewSecret(), Player: player, Name: name, Watch: NewSecret()}
}

// Create opens a party with its leader.
func (ps *Parties) Create(ctx context.Context, player, name string) (*Party, error) {
	for range codeDraws {
		p := &Party{Code: room.NewCode(), Members: []Member{newMember(player, name)}}
		_, err := ps.bucket.Create(ctx, p.Code, p.encode())
		if !errors.Is(err, store.ErrExists) {
			return p, err
		}
	}
	return nil, errors.New("no free party code was found; try again")
}

// Join adds a player and returns the member. Who is in the party already gets a
// new handle; the old one is void.
func (ps *Parties) Join(ctx context.Context, code, player, name string) (*Party, Member, error) {
	parsed, ok := room.Parse(code)
	if !ok {
		return nil, Member{}, ErrUnknown
	}
	m := newMember(player, name)
	p, err := ps.change(ctx, parsed, func(p *Party) error {
		if at := slices.IndexFunc(p.Members, func(o Member) bool { return o.Player == player }); at >= 0 {
			p.Members[at].Secret, p.Members[at].Watch, p.Members[at].Name = m.Secret, m.Watch, name
			return nil
		}
		if len(p.Members) >= Most {
			return ErrFull
		}
		p.Members = append(p.Members, m)
		return nil
	})
	return p, m, err
}

// Find returns the party of a member's handle and the member's index.
func (ps *Parties) Find(ctx context.Context, handle string) (*Party, int, error) {
	code, secret, ok := split(handle)
	if !ok {
		return nil, 0, ErrUnknown
	}
	p, _, err := ps.get(ctx, code)
	if err != nil {
		return nil, 0, err
	}
	at, ok := p.member(secret)
	if !ok {
		return nil, 0, ErrUnknown
	}
	return p, at, nil
}

func (p *Party) member(secret string) (int, bool) {
	for i, m := range p.Members {
		if subtle.ConstantTimeCompare([]byte(m.Secret), []byte(secret)) == 1 {
			return i, true
		}
	}
	return 0, false
}

// Leave takes a member out and returns the party as it was. With watch, only if
// that is the member's newest watcher still.
func (ps *Parties) Leave(ctx context.Context, handle, watch string) (before *Party, at int, err error) {
	code, secret, ok := split(handle)
	if !ok {
		return nil, 0, ErrUnknown
	}
	_, err = ps.change(ctx, code, func(p *Party) error {
		at, ok = p.member(secret)
		if !ok || watch != "" && p.Members[at].Watch != watch {
			return ErrUnknown
		}
		before = &Party{Code: p.Code, Members: slices.Clone(p.Members)}
		p.Members = slices.Delete(p.Members, at, at+1)
		return nil
	})
	return before, at, err
}

// Watched notes a member's newest watcher.
func (ps *Parties) Watched(ctx context.Context, handle, watch string) (*Party, int, error) {
	code, secret, ok := split(handle)
	if !ok {
		return nil, 0, ErrUnknown
	}
	at := 0
	p, err := ps.change(ctx, code, func(p *Party) error {
		if at, ok = p.member(secret); !ok {
			return ErrUnknown
		}
		p.Members[at].Watch = watch
		return nil
	})
	return p, at, err
}

// Search notes the members' tickets, in the order of their players. Members who
// are not among the players get none.
func (ps *Parties) Search(ctx context.Context, code string, players, handles []string) error {
	_, err := ps.change(ctx, code, func(p *Party) error {
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

// Changed calls hint whenever the party may have changed, until unsubscribe is
// called. Hints can be lost: look from time to time all the same.
func (ps *Parties) Changed(handle string, hint func()) (unsubscribe func(), err error) {
	code, _, ok := split(handle)
	if !ok {
		return nil, ErrUnknown
	}
	return ps.store.Subscribe("party."+code, func([]byte) { hint() })
}

// change applies an edit to a party; a party without members is gone.
func (ps *Parties) change(ctx context.Context, code string, edit func(*Party) error) (*Party, error) {
	for {
		p, revision, err := ps.get(ctx, code)
		if err != nil {
			return nil, err
		}
		if err := edit(p); err != nil {
			return nil, err
		}
		if len(p.Members) == 0 {
			err = ps.bucket.Delete(ctx, code, revision)
		} else {
			_, err = ps.bucket.Update(ctx, code, p.encode(), revision)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			_ = ps.store.Publish("party."+code, nil) // a hint; watchers look by themselves too
		}
		return p, err
	}
}

func (ps *Parties) get(ctx context.Context, code string) (*Party, uint64, error) {
	entry, err := ps.bucket.Get(ctx, code)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, ErrUnknown
	}
	if err != nil {
		return nil, 0, err
	}
	var p Party
	if err := json.Unmarshal(entry.Value, &p); err != nil {
		return nil, 0, fmt.Errorf("party %s: %w", code, err)
	}
	return &p, entry.Revision, nil
}

func (p *Party) encode() []byte {
	data, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("party: it can't be encoded: %v", err)) // it holds strings alone
	}
	return data
}
